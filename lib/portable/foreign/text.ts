/** The text of a file, in pieces: packed by gzip or not, in UTF-8 or in the UTF-16 that a Windows shell writes. */
import { createReadStream, openSync, readSync, closeSync } from "node:fs";
import { pipeline } from "node:stream";
import { TextDecoder } from "node:util";
import { createGunzip } from "node:zlib";
import { HoldfastError } from "../../errors.ts";

/** Set when a file turned out to be cut off or damaged; the text that could be read comes first. */
export interface Damage {
  what?: string;
}

/** Throws `E_PACKAGE` where it cannot be read, or is no text. */
export async function* textOf(file: string, damage: Damage, signal: AbortSignal): AsyncGenerator<string> {
  const head = headOf(file);
  const isPacked = head[0] === 0x1f && head[1] === 0x8b;
  let failure: unknown;
  const raw = createReadStream(file, { highWaterMark: 256 * 1024, signal });
  const bytes = isPacked ? pipeline(raw, createGunzip(), (error) => void (failure = error ?? undefined)) : raw;
  let decoder: TextDecoder | undefined;
  try {
    for await (const piece of bytes) {
      if (!Buffer.isBuffer(piece)) continue;
      decoder ??= new TextDecoder(encodingOf(piece), { fatal: true });
      yield decode(() => decoder?.decode(piece, { stream: true }) ?? "", file);
    }
    if (isCutOff(decoder)) damage.what = "it ends within a character";
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HoldfastError || !isPacked) throw error;
    failure = error;
  }
  if (failure !== undefined) damage.what = "its gzip is damaged, or ends too soon";
}

/** The first bytes of a file. Throws `E_PACKAGE` where it cannot be read. */
export function headOf(file: string, size = 4): Buffer {
  const head = Buffer.alloc(size);
  try {
    const fd = openSync(file, "r");
    try {
      return head.subarray(0, readSync(fd, head));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw new HoldfastError("E_PACKAGE", `${file} cannot be read`, { cause: error });
  }
}

const encodingOf = (head: Buffer): string =>
  head[0] === 0xff && head[1] === 0xfe ? "utf-16le" : head[0] === 0xfe && head[1] === 0xff ? "utf-16be" : "utf-8";

function isCutOff(decoder: TextDecoder | undefined): boolean {
  try {
    decoder?.decode();
    return false;
  } catch {
    return true;
  }
}

function decode(work: () => string, file: string): string {
  try {
    return work();
  } catch (error) {
    throw new HoldfastError("E_PACKAGE", `${file} is not in UTF-8`, { cause: error });
  }
}
