/**
 * Decodes the text of a file in pieces: plain or compressed (gzip, bzip2, xz), in UTF-8, or in UTF-16 as Windows shells
 * write.
 */
import { closeSync, readSync } from "node:fs";
import { pipeline, type Readable } from "node:stream";
import { TextDecoder } from "node:util";
import { createGunzip } from "node:zlib";
import { openRegular, streamRegular } from "../../../archive/files/regular-file.ts";
import { HoldfastError } from "../../../errors.ts";
import { startCommand, type RunningCommand } from "../../../exec/command.ts";

/** Damage found in a file, such as a truncation; the readable text is yielded first. */
export interface Damage {
  what?: string;
}

/** Formats that Node cannot decompress, by their first bytes. */
const PROGRAMS = [
  { name: "bzip2", head: Buffer.from("BZh") },
  { name: "xz", head: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) },
] as const;
const INVALID_UTF8 = "not valid UTF-8";

/**
 * Yields the text of a file. Throws `E_PACKAGE` if it cannot be read, `E_TOOL` if the program that decompresses it is
 * missing.
 */
export async function* textOf(file: string, damage: Damage, signal: AbortSignal): AsyncGenerator<string> {
  const head = headOf(file, 6);
  const isGzip = head[0] === 0x1f && head[1] === 0x8b;
  const program = PROGRAMS.find((one) => head.subarray(0, one.head.length).equals(one.head))?.name;
  const packing = isGzip ? "gzip" : program;
  let failure: unknown;
  const open = (): Readable => streamRegular(file, "E_PACKAGE", { highWaterMark: 256 * 1024 });
  const unpacker = program === undefined ? undefined : unpack(program, file, signal);
  const bytes =
    unpacker?.stdout ??
    (isGzip ? pipeline(open(), createGunzip(), (error) => void (failure = error ?? undefined)) : open());
  let decoder: TextDecoder | undefined;
  try {
    for await (const piece of bytes) {
      signal.throwIfAborted();
      if (!Buffer.isBuffer(piece)) continue;
      decoder ??= new TextDecoder(encodingOf(piece), { fatal: true });
      const text = decode(decoder, piece);
      if (text === undefined) {
        damage.what = INVALID_UTF8;
        yield validStart(piece);
        return;
      }
      yield text;
    }
    if (isCutOff(decoder)) damage.what = "it ends in the middle of a character";
    await unpacker?.done;
  } catch (error) {
    signal.throwIfAborted();
    if (packing === undefined || (error instanceof HoldfastError && error.code !== "E_COMMAND")) throw error;
    failure = error;
  }
  if (failure !== undefined) damage.what = `its ${packing ?? ""} data is damaged or truncated`;
}

function unpack(program: string, file: string, signal: AbortSignal): RunningCommand {
  const running = startCommand([program, "-d", "-c", "--", file], { signal });
  running.stdin.end();
  return running;
}

/** Returns the first bytes of a file. Throws `E_PACKAGE` if it cannot be read. */
export function headOf(file: string, size = 4): Buffer {
  const head = Buffer.alloc(size);
  try {
    const fd = openRegular(file, "E_PACKAGE");
    try {
      return head.subarray(0, readSync(fd, head));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
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

/** Returns undefined for bytes that are invalid in the encoding. */
function decode(decoder: TextDecoder, piece: Buffer): string | undefined {
  try {
    return decoder.decode(piece, { stream: true });
  } catch {
    return undefined;
  }
}

/** Returns the text before the first byte that is not valid UTF-8. */
const validStart = (piece: Buffer): string => {
  const text = new TextDecoder("utf-8").decode(piece);
  return text.slice(0, Math.max(0, text.indexOf("\uFFFD")));
};
