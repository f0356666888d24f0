/** Contents of objects, and whole objects that are read into memory. */
import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { consume } from "../../archive/files/consume-stream.ts";
import { HoldfastError } from "../../errors.ts";
import type { LocalFile } from "./local-run.ts";
import type { Content } from "./object-store.ts";

export const fileContent = ({ file, size, sha256 }: LocalFile): Content => ({ source: { file }, size, sha256 });

export function textContent(text: string): Content {
  const bytes = Buffer.from(text);
  return { source: { bytes }, size: bytes.length, sha256: digestOf(bytes) };
}

export const digestOf = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** Reads a stream to its end. Throws `E_VERIFY` if it has more than `most` bytes. */
export async function readAll(name: string, input: Readable, most: number, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const take = (chunk: Buffer): void => {
    size += chunk.length;
    if (size > most) throw new HoldfastError("E_VERIFY", `${name} has more than ${most} bytes`);
    chunks.push(chunk);
  };
  await consume(input, null, take, signal);
  return Buffer.concat(chunks);
}

/** Returns the size and the sha256 of a stream, which is read to its end. */
export async function hashStream(input: Readable, signal: AbortSignal): Promise<{ size: number; sha256: string }> {
  const hash = createHash("sha256");
  let size = 0;
  const take = (chunk: Buffer): void => {
    size += chunk.length;
    hash.update(chunk);
  };
  await consume(input, null, take, signal);
  return { size, sha256: hash.digest("hex") };
}
