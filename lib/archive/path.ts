/** File names as bytes: what a `BytePath` is made of, and how it is shown to people. */
import { isUtf8 as bytesAreUtf8 } from "node:buffer";
import { CONTROLS } from "../report/printable.ts";
import type { BytePath } from "./entry.ts";

/** The bytes of a path, as `node:fs` takes them. */
export function toBuffer(path: BytePath): Buffer {
  return Buffer.from(path, "latin1");
}

/** The path whose bytes are the UTF-8 form of a string. */
export function fromString(text: string): BytePath {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** Checks whether the bytes are valid UTF-8. */
export function isUtf8(path: BytePath): boolean {
  return isAscii(path) || bytesAreUtf8(toBuffer(path));
}

export function isAscii(path: BytePath): boolean {
  // oxlint-disable-next-line no-control-regex -- all of ASCII is meant
  return /^[\x00-\x7f]*$/.test(path);
}

/** Puts two paths together; either may be empty, and `a` may be `/`. */
export function join(a: BytePath, b: BytePath): BytePath {
  if (a === "" || b === "") return a + b;
  return a.endsWith("/") ? a + b : `${a}/${b}`;
}

/** Returns the directory that an absolute path lies in. */
export const dirname = (path: BytePath): BytePath => path.slice(0, Math.max(1, path.lastIndexOf("/")));

/** Returns whether a path lies below a directory; the directory itself does not. */
export const isBelow = (path: BytePath, directory: BytePath): boolean =>
  path.startsWith(directory.endsWith("/") ? directory : `${directory}/`) && path !== directory;

/** The last component. */
export function basename(path: BytePath): BytePath {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Matches characters that would break a line or control a terminal, and the backslash, which begins an escape. */
const UNSHOWABLE = new RegExp(`[${CONTROLS}\\\\]`, "u");
/** One valid UTF-8 sequence (RFC 3629, section 4), or else one byte. */
const SEQUENCE =
  /[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[^]/g; // oxlint-disable-line no-control-regex

/**
 * A path for people: its UTF-8 text on one line. Bytes that are no UTF-8, and characters that would break the line, are
 * shown as `\xNN`, a newline as `\n` and a backslash as `\\`, so that two paths never look the same.
 */
export function display(path: BytePath): string {
  const text = isAscii(path) ? path : toBuffer(path).toString("utf8");
  if (!UNSHOWABLE.test(text) && !text.includes("\ufffd")) return text;
  return path.replace(SEQUENCE, (bytes) => {
    if (bytes === "\n") return "\\n";
    if (bytes === "\\") return "\\\\";
    const character = toBuffer(bytes).toString("utf8");
    const valid = bytes.length > 1 || isAscii(bytes);
    return valid && !UNSHOWABLE.test(character) ? character : escapeBytes(bytes);
  });
}

function escapeBytes(bytes: BytePath): string {
  return Array.from(bytes, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`).join("");
}

/** Returns those of sorted paths that lie below a directory; not the directory itself. */
export function pathsBelow(sorted: readonly BytePath[], directory: BytePath): BytePath[] {
  const base = directory.replace(/\/$/, "");
  const from = lowerBound(sorted, `${base}/`);
  return sorted.slice(from, lowerBound(sorted, `${base}0`, from)); // "0" is the character after "/"
}

/** The index of the first element that is not less than `value`. */
function lowerBound(sorted: readonly BytePath[], value: BytePath, from = 0): number {
  let [low, high] = [from, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? "") < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
