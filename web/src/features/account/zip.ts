/**
 * Several files in one, as PKWARE's APPNOTE describes it: stored, not compressed, which takes no
 * library. Up to 4 GB and 65,535 files; names in UTF-8.
 */
import type { File } from "./gather";

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
const UTF8_NAMES = 0x0800;
/** 1 January 1980, midnight: the format's first day. What is inside tells its own times. */
const NO_DATE = 0x0021;

export function zip(files: readonly File[]): Uint8Array<ArrayBuffer>[] {
  const out: Uint8Array<ArrayBuffer>[] = [];
  const directory: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  const put = (piece: Uint8Array<ArrayBuffer>) => {
    out.push(piece);
    offset += piece.length;
  };
  for (const file of files) {
    const name = new TextEncoder().encode(file.name);
    const size = file.parts.reduce((sum, part) => sum + part.length, 0);
    const common = [
      [2, VERSION],
      [2, UTF8_NAMES],
      [2, 0], // stored
      [2, 0],
      [2, NO_DATE],
      [4, crc32(file.parts)],
      [4, size],
      [4, size],
      [2, name.length],
      [2, 0],
    ] as const;
    const place = [
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, offset],
    ] as const;
    directory.push(record([[4, CENTRAL], [2, VERSION], ...common, ...place]), name);
    put(record([[4, LOCAL], ...common]));
    put(name);
    for (const part of file.parts) put(part);
  }
  const start = offset;
  for (const piece of directory) put(piece);
  const count = files.length;
  put(
    record([
      [4, END],
      [2, 0],
      [2, 0],
      [2, count],
      [2, count],
      [4, offset - start],
      [4, start],
      [2, 0],
    ]),
  );
  return out;
}

/** Little-endian fields of two or four bytes. */
function record(fields: readonly (readonly [size: 2 | 4, value: number])[]) {
  const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

export function crc32(parts: readonly Uint8Array[]): number {
  let crc = 0xffffffff;
  for (const part of parts) {
    for (const byte of part) crc = (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
