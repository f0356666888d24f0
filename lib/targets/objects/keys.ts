/** Keys of the layout, relative to the target's prefix, and `objects.tsv`. docs/off-site.md describes both. */
import { HoldfastError } from "../../errors.ts";

export const STORE_KEY = "store.json";
export const OBJECTS_PREFIX = "objects/";
export const RUNS_PREFIX = "runs/";
export const RECEIPTS_PREFIX = "receipts/";
export const EVIDENCE_PREFIX = "evidence/";
export const PROBE_PREFIX = "probe/";
/** The map from a run's path to its object. It is made by the push, and not in SHA256SUMS. */
export const OBJECTS_FILE = "objects.tsv";

const SEALED = ".age";

/** Returns the key of an artifact: its own digest, so that equal ones are one object. */
export const objectKey = (sha256: string, path: string): string =>
  `${OBJECTS_PREFIX}${sha256.slice(0, 2)}/${sha256}${path.endsWith(SEALED) ? SEALED : ""}`;
export const documentKey = (run: string, path: string): string => `${RUNS_PREFIX}${run}/${path}`;
export const receiptKey = (run: string): string => `${RECEIPTS_PREFIX}${run}.json`;
export const evidenceKey = (path: string): string => `${EVIDENCE_PREFIX}${path}`;

/** Returns the digest in the key of an object; undefined for another key. */
export const digestOfKey = (key: string): string | undefined =>
  /^objects\/([0-9a-f]{2})\/(\1[0-9a-f]{62})(?:\.age)?$/.exec(key)?.[2];

/** A line of `objects.tsv`. */
export interface ObjectLine {
  readonly sha256: string;
  readonly size: number;
  readonly path: string;
  readonly key: string;
  /** Null without versions. */
  readonly version: string | null;
}

/** Returns the text of `objects.tsv`. Throws `E_VERIFY` for a path that no line can hold. */
export function formatObjects(lines: readonly ObjectLine[]): string {
  return lines
    .map(({ sha256, size, path, key, version }) => {
      if (/[\t\r\n]/.test(path)) throw new HoldfastError("E_VERIFY", `the path ${path} has a tab or a line feed in it`);
      return `${sha256}\t${size}\t${path}\t${key}\t${version ?? ""}\n`;
    })
    .join("");
}

/** Parses `objects.tsv`. Throws `E_VERIFY`. */
export function parseObjects(text: string): ObjectLine[] {
  return text.split("\n").flatMap((line, index) => {
    if (line === "") return [];
    const [, sha256, size, path, key, version] =
      /^([0-9a-f]{64})\t(\d+)\t([^\t]+)\t([^\t]+)\t([^\t]*)$/.exec(line) ?? [];
    if (sha256 === undefined || size === undefined || path === undefined || key === undefined)
      throw new HoldfastError("E_VERIFY", `line ${index + 1} of ${OBJECTS_FILE} is malformed`);
    return [
      { sha256, size: Number(size), path, key, version: version === "" || version === undefined ? null : version },
    ];
  });
}
