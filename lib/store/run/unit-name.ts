/**
 * Encodes names of units as names of directories: safe ASCII, distinct also on case-insensitive file systems. The real
 * name is in the unit's metadata.
 */
import { createHash } from "node:crypto";

const LONGEST = 100;
const KEPT_OF_LONG = 80;
const RESERVED = /^(index\.json|failures\.json|metadata\.json|con|prn|aux|nul|com\d|lpt\d)$/i;

/** The names of special units. An encoded name cannot begin with `~`. */
export const ORPHAN_PREFIX = "~orphan-";
export const LOOSE_FILES = "~files";

/** Returns the name of a unit for a project, tree or file of the site; it never begins with `~`. */
export const unitName = (name: string): string =>
  /^(?:~|%(?:25)*7E)/.test(name) ? percent(name.slice(0, 1)) + name.slice(1) : name;

/**
 * Returns the directory name of each unit name, bytes as a latin1 string. Bytes other than `A-Z a-z 0-9 _ . -` become
 * `%XX`, and so do the first byte of a reserved name or of one that begins with `.` or `-`, and every capital of names
 * that differ in case only. A name longer than 100 is cut and ends in `~` and 16 hex digits of its sha256.
 */
export function unitDirectories(names: readonly string[]): Map<string, string> {
  const seen = new Map<string, number>();
  for (const name of names) seen.set(name.toLowerCase(), (seen.get(name.toLowerCase()) ?? 0) + 1);
  return new Map(names.map((name) => [name, encode(name, (seen.get(name.toLowerCase()) ?? 0) > 1)]));
}

function encode(name: string, hasTwin: boolean): string {
  const unsafe = hasTwin ? /[^a-z0-9_.-]/g : /[^A-Za-z0-9_.-]/g;
  let encoded = name.replaceAll(unsafe, percent);
  if (encoded === "" || /^[.-]/.test(encoded) || RESERVED.test(encoded))
    encoded = percent(name[0] ?? "\0") + encoded.slice(1);
  if (encoded.length <= LONGEST) return encoded;
  const digest = createHash("sha256").update(name, "latin1").digest("hex").slice(0, 16);
  return `${encoded.slice(0, KEPT_OF_LONG).replace(/%.?$/, "")}~${digest}`;
}

const percent = (byte: string): string => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;

/** Compares names by byte, but numbers by value, so that unit 9 comes before unit 10. */
export function unitOrder(a: string, b: string): number {
  const [left, right] = [a.split(/(\d+)/), b.split(/(\d+)/)];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const [one, two] = [left[at] ?? "", right[at] ?? ""];
    if (one === two) continue;
    if (at % 2 === 1 && Number(one) !== Number(two)) return Number(one) - Number(two);
    return one < two ? -1 : 1;
  }
  return left.length - right.length;
}
