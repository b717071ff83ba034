import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { gatherFiles } from "./gather";
import { crc32, zip } from "./zip";

const encode = (text: string) => new TextEncoder().encode(text);

async function* arriving(...parts: [fileName: string, text: string][]) {
  for (const [fileName, text] of parts) yield { fileName, data: encode(text) };
}

describe("an export", () => {
  it("arrives in parts, those of one file after the other", async () => {
    const seen: number[] = [];
    const parts = arriving(
      ["a.json", "[1,"],
      ["a.json", "2]"],
      ["empty.json", ""],
      ["b.json", "{}"],
    );
    const files = await gatherFiles(parts, (bytes) => seen.push(bytes));
    expect(files.map(({ name, parts: kept }) => [name, kept.length])).toEqual([
      ["a.json", 2],
      ["empty.json", 1],
      ["b.json", 1],
    ]);
    expect(seen).toEqual([3, 5, 5, 7]);
  });

  it("ends as an archive that others can read", () => {
    const archive = zip([
      { name: "messages.json", parts: [encode('["a",'), encode('"ü"]')] },
      { name: "namen-ü.json", parts: [encode("{}")] },
      { name: "empty.json", parts: [] },
    ]);
    expect(unpack(Buffer.concat(archive))).toEqual({
      "messages.json": '["a","ü"]',
      "namen-ü.json": "{}",
      "empty.json": "",
    });
  });

  it("may be of nothing", () => {
    expect(unpack(Buffer.concat(zip([])))).toEqual({});
  });
});

it("CRC-32 has the published check value", () => {
  expect(crc32([encode("12345"), encode("6789")])).toBe(0xcbf43926);
});

/** What Python's reader, which checks the sums, finds in an archive. */
function unpack(archive: Buffer): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "waystone-zip-"));
  try {
    const path = join(folder, "export.zip");
    writeFileSync(path, archive);
    const script =
      "import json,sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; " +
      "print(json.dumps({n: z.read(n).decode() for n in z.namelist()}))";
    return JSON.parse(execFileSync("/usr/bin/python3", ["-c", script, path], { encoding: "utf8" }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
