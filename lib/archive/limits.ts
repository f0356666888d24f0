/** Limits of readers: lines, documents and lists that are longer are damaged, or meant to do harm. */

import { HoldfastError } from "../errors.ts";

const MIB = 1024 * 1024;

/** Entries of an archive whose names are held in memory. */
export const MOST_ENTRIES = 4_000_000;
/** Bytes of all names of an archive that are held in memory. */
export const MOST_NAMES = 256 * MIB;
/** Bytes of a line of a list of entries, or of a log. */
export const MOST_LINE = MIB;
/** Bytes of `SHA256SUMS`, and of a list of names. */
export const MOST_LIST = 256 * MIB;

/** Throws `E_IO` for a list that is too long to be read again. */
export function assertListReadable(name: string, bytes: number): void {
  if (bytes <= MOST_LIST) return;
  throw new HoldfastError("E_IO", `${name} would have ${bytes} bytes, and ${MOST_LIST} can be read`, {
    hint: "name smaller trees in the config, or build all shards anew: --existing overwrite",
  });
}

/** Limits of a JSON document: a short text of nothing but brackets takes many times its length in memory. */
export interface JsonLimits {
  readonly bytes: number;
  /** Lists and objects in one another. */
  readonly depth: number;
  /** Lists and objects. */
  readonly containers: number;
}
export const DOCUMENT: JsonLimits = { bytes: 64 * MIB, depth: 100, containers: 2_000_000 };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Throws `SyntaxError` for a document that no reader would take. */
export function assertReadable(text: string, { bytes, depth, containers }: JsonLimits = DOCUMENT): void {
  const length = Buffer.byteLength(text);
  if (length > bytes) throw new SyntaxError(`it has ${length} bytes; ${bytes} is the most that is read`);
  assertShape(text, depth, containers);
}

/** Parses JSON within limits. Throws `SyntaxError` for invalid JSON and for a text beyond the limits. */
export function parseJson(text: string, { depth, containers }: Omit<JsonLimits, "bytes"> = DOCUMENT): unknown {
  assertShape(text, depth, containers);
  return JSON.parse(text);
}

function assertShape(text: string, mostDepth: number, mostContainers: number): void {
  let [depth, containers] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > mostDepth) throw new SyntaxError(`it is nested more than ${mostDepth} deep`);
      if (++containers > mostContainers)
        throw new SyntaxError(`it holds more than ${mostContainers} lists and objects`);
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
}

/** The place of the quote that ends the string which begins at `start`; the text's end where none does. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ;) {
    const quote = text.indexOf('"', at);
    if (quote === -1) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote;
    at = quote + 1;
  }
}
