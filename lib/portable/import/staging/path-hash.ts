/** Hashes paths to rows of trees, so that exported rows can be joined by them regardless of length. */
import { hash } from "node:crypto";
import type { Dialect } from "../../engine/dialect.ts";
import { HoldfastError } from "../../../errors.ts";
import { isKey, levelsOf, type JsonCell } from "../../rows/nested-key.ts";
import { MOST_LEVELS } from "../../rows/tree-path.ts";
import type { Column } from "../../schema/tables.ts";

/** The number of cached hashes. */
const HASH_CACHE_SIZE = 20_000;
/** The longest path that is cached, in characters. */
const LONGEST = 1000;

/** Returns the column that holds a hash in a temporary table. */
export const hashColumn = ({ asciiCollation }: Dialect): Column => ({
  name: "path",
  kind: "text",
  native: "varchar(64)",
  nullable: true,
  generated: false,
  hasDefault: false,
  ...(asciiCollation === undefined ? {} : { collation: asciiCollation }),
});

/** A level of a path, with the hash of the path to it, and the hash above, null for a root. */
export interface Level {
  readonly cells: readonly JsonCell[];
  readonly hash: string;
  readonly above: string | null;
}

/**
 * Returns the levels of a path from the root on. A level's hash is the sha256 of the hash above and the level's JSON.
 * Throws `E_PACKAGE` for an invalid path.
 */
export function hashedLevels(cell: JsonCell, width: number): Level[] {
  const levels = levelsOf(cell, width);
  // A row's own path has one level more than that of its parent, which it contains.
  if (levels.length > MOST_LEVELS + 1)
    throw new HoldfastError("E_PACKAGE", `a path of ${levels.length} levels: at most ${MOST_LEVELS} are supported`);
  let above: string | null = null;
  return levels.map((cells): Level => {
    const level = { cells, hash: hash("sha256", `${above ?? ""}${JSON.stringify(cells)}`), above };
    above = level.hash;
    return level;
  });
}

export class PathHasher {
  readonly #known = new Map<string, string>();

  /** Returns the hash of a whole path. Throws like `hashedLevels`. */
  of(cell: JsonCell, width: number): string {
    const text = JSON.stringify(cell);
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const found = hashedLevels(cell, width).at(-1)?.hash ?? "";
    if (text.length > LONGEST) return found;
    if (this.#known.size >= HASH_CACHE_SIZE) this.#known.clear();
    this.#known.set(text, found);
    return found;
  }
}

/**
 * Returns the path to a row below `parent`. Throws `E_IMPORT`, worded to follow a column's name, if `parent` is not a
 * path.
 */
export function pathBelow(parent: JsonCell, own: readonly JsonCell[]): readonly JsonCell[] {
  if (parent === null) return own;
  if (isKey(parent)) return [...parent, ...own];
  throw new HoldfastError("E_IMPORT", "references a parent that is not identified by its key");
}
