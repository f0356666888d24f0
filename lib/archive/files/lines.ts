/** The lines of a file that others wrote, one in memory at a time. */
import { closeSync, readSync } from "node:fs";
import { HoldfastError, type ErrorCode } from "../../errors.ts";
import { openRegular } from "./regular-file.ts";

const PIECE = 64 * 1024;
const NEWLINE = 10;

/** Yields each line, also an unterminated last one. Throws `code` for more than `most` bytes, or an irregular file. */
export function* readLines(file: string, most: number, code: ErrorCode): Generator<string> {
  const descriptor = openRegular(file, code);
  const piece = Buffer.alloc(PIECE);
  let begun: Buffer[] = [];
  let length = 0;
  const take = (part: Buffer): void => {
    length += part.length;
    if (length > most) throw new HoldfastError(code, `${file} has a line of more than ${most} bytes`);
    begun.push(Buffer.from(part));
  };
  const line = (): string => {
    const text = Buffer.concat(begun).toString("utf8");
    [begun, length] = [[], 0];
    return text;
  };
  try {
    for (let read = readSync(descriptor, piece); read > 0; read = readSync(descriptor, piece)) {
      const data = piece.subarray(0, read);
      let from = 0;
      for (let end = data.indexOf(NEWLINE); end !== -1; end = data.indexOf(NEWLINE, from)) {
        take(data.subarray(from, end));
        yield line();
        from = end + 1;
      }
      take(data.subarray(from));
    }
    if (length > 0) yield line();
  } finally {
    closeSync(descriptor);
  }
}
