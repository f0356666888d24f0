/** Writes text as a string of JSON, as `JSON.stringify` does. */
import type { ByteWriter } from "./byte-writer.ts";

const [QUOTE, BACKSLASH, U] = [0x22, 0x5c, 0x75];
/** The bytes for which room is made at once. */
const PART = 4096;
/** The escape sequence of each byte that needs one; all others are written as they are. */
const ESCAPES = Array.from({ length: 0x80 }, (_, byte) => JSON.stringify(String.fromCharCode(byte)).slice(1, -1));
/** The letter after the backslash; 0 for a byte without an escape sequence. */
const LETTERS = Uint8Array.from({ length: 256 }, (_, byte) => (ESCAPES[byte] ?? "").charCodeAt(1));

/** Appends the UTF-8 of `bytes` from `from` up to `to`, with quotes. */
export function writeJsonString(bytes: Buffer, from: number, to: number, line: ByteWriter): void {
  line.byte(QUOTE);
  for (let begin = from; begin < to; begin += PART) writePart(bytes, begin, Math.min(to, begin + PART), line);
  line.byte(QUOTE);
}

function writePart(bytes: Buffer, from: number, to: number, line: ByteWriter): void {
  line.reserve(6 * (to - from));
  const out = line.bytes;
  let end = line.length;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    const letter = LETTERS[byte] ?? 0;
    if (letter === 0) out[end++] = byte;
    else if (letter === U) end += out.write(ESCAPES[byte] ?? "", end, "latin1");
    else {
      out[end++] = BACKSLASH;
      out[end++] = letter;
    }
  }
  line.length = end;
}
