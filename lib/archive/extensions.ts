/** Counts files by the extension of their names: a cheap picture of what a tree holds. */
import type { BytePath } from "./entry.ts";
import { basename } from "./path.ts";

/** Extensions that are listed by name; the files of all others are counted together. */
const MOST_LISTED = 64;
/** Files whose extension is rarer than those listed. */
export const OTHER_EXTENSIONS = "*";

export class ExtensionCounts {
  readonly #counts = new Map<string, number>();
  #files = 0;

  get files(): number {
    return this.#files;
  }

  /** Counts a file. */
  add(name: BytePath): void {
    this.#files++;
    const extension = extensionOf(name);
    this.#counts.set(extension, (this.#counts.get(extension) ?? 0) + 1);
  }

  /** Returns the number of files by extension, sorted by name; the rarest beyond 64 together as `*`. */
  finish(): Record<string, number> {
    return listedExtensions(this.#counts);
  }
}

/** Adds up counts by extension. */
export function sumExtensions(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums = new Map<string, number>();
  for (const [name, count] of all.flatMap((one) => Object.entries(one))) sums.set(name, (sums.get(name) ?? 0) + count);
  return listedExtensions(sums);
}

/** Returns the counts of the 64 most frequent extensions, sorted by name, and of all others as `*`. */
function listedExtensions(counts: ReadonlyMap<string, number>): Record<string, number> {
  const rest = counts.get(OTHER_EXTENSIONS) ?? 0;
  const byCount = [...counts]
    .filter(([name]) => name !== OTHER_EXTENSIONS)
    .toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const others = byCount.slice(MOST_LISTED).reduce((sum, [, count]) => sum + count, rest);
  const listed = byCount.slice(0, MOST_LISTED).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(others === 0 ? listed : [...listed, [OTHER_EXTENSIONS, others]]);
}

/** Returns the extension in lower case; empty where a name has none, or one that is not short ASCII. */
function extensionOf(name: BytePath): string {
  const base = basename(name);
  const dot = base.lastIndexOf(".");
  return dot > 0 ? (/^[a-z0-9]{1,16}$/.exec(base.slice(dot + 1).toLowerCase())?.[0] ?? "") : "";
}
