/** Reads the lines of a compressed file, many at a time. */
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { streamRegular } from "../../archive/files/regular-file.ts";
import { HoldfastError } from "../../errors.ts";

/** Consecutive lines of a file. */
export interface Lines {
  /** The lines without the last line end. */
  readonly text: string;
  /** The lines with all line ends; valid until the next ones are read. */
  readonly bytes: Buffer;
  /** True for the last line of the file, which comes alone. */
  readonly isLast: boolean;
}

/** The bytes unpacked at once. */
const UNPACKED = 128 * 1024;
/** The size of a piece. Text of more than 128 KiB survives until V8 collects everything, so pieces are smaller. */
const PIECE = 32 * 1024;
const NEWLINE = 0x0a;

/** The most bytes of a line. Values above 8 MiB are in files of their own. */
export const MOST_LINE = 128 * 1024 * 1024;

/**
 * Reads lines with the memory of a piece and the longest line. Throws errors of the file system and of zlib, and
 * `E_PACKAGE` for a line that is too long.
 */
export async function* readLines(file: string): AsyncGenerator<Lines> {
  let failure: unknown;
  const unpacked = pipeline(
    streamRegular(file, "E_PACKAGE"),
    createGunzip({ chunkSize: UNPACKED }),
    (error) => (failure = error ?? undefined),
  );
  // Holds back the last complete line: it may be the last of all.
  let rest: Buffer[] = [];
  /** The bytes of the unfinished line. */
  let begun = 0;
  for await (const piece of piecesOf(unpacked)) {
    rest.push(piece);
    const first = piece.indexOf(NEWLINE);
    begun += first === -1 ? piece.length : first;
    if (begun > MOST_LINE) throw new HoldfastError("E_PACKAGE", `${file} has a line of more than ${MOST_LINE} bytes`);
    if (first === -1) continue;
    begun = piece.length - piece.lastIndexOf(NEWLINE) - 1;
    const bytes = rest.length === 1 ? piece : Buffer.concat(rest);
    const whole = bytes.lastIndexOf(NEWLINE);
    const end = whole === 0 ? -1 : bytes.lastIndexOf(NEWLINE, whole - 1);
    rest = [bytes.subarray(end + 1)];
    if (end >= 0) yield { text: bytes.toString("utf8", 0, end), bytes: bytes.subarray(0, end + 1), isLast: false };
  }
  if (failure !== undefined) throw failure;
  const bytes = Buffer.concat(rest);
  if (bytes.length === 0) return;
  const end = bytes.at(-1) === NEWLINE ? bytes.length - 1 : bytes.length;
  yield { text: bytes.toString("utf8", 0, end), bytes, isLast: true };
}

async function* piecesOf(unpacked: AsyncIterable<unknown>): AsyncGenerator<Buffer> {
  for await (const all of unpacked)
    if (Buffer.isBuffer(all)) for (let at = 0; at < all.length; at += PIECE) yield all.subarray(at, at + PIECE);
}
