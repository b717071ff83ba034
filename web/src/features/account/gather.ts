/** The files of an export, which arrives in parts. */

export type File = { name: string; parts: Uint8Array<ArrayBuffer>[] };

type Part = { fileName: string; data: Uint8Array };

/** Parts of one file come one after the other. `onBytes` hears how much there is so far. */
export async function gatherFiles(
  parts: AsyncIterable<Part>,
  onBytes: (bytes: number) => void,
): Promise<File[]> {
  const files: File[] = [];
  let bytes = 0;
  for await (const { fileName, data } of parts) {
    let file = files.at(-1);
    if (file?.name !== fileName) {
      file = { name: fileName, parts: [] };
      files.push(file);
    }
    file.parts.push(new Uint8Array(data));
    bytes += data.length;
    onBytes(bytes);
  }
  return files;
}
