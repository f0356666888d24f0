/** Ways to rows of trees as fixed texts: what rows of an export are joined by, however long their ways are. */
import { hash } from "node:crypto";
import type { EngineName } from "../../../database/snapshot.ts";
import { HoldfastError } from "../../../errors.ts";
import { isKey, levelsOf, type JsonCell } from "../../rows/nested-key.ts";
import { MOST_LEVELS } from "../../rows/tree-path.ts";
import type { Column } from "../../schema/tables.ts";

/** How many are kept to be found again. */
const HASH_CACHE_SIZE = 20_000;
/** Characters of a way that is kept. */
const LONGEST = 1000;

/** What holds one in a temporary table. */
export const hashColumn = (engine: EngineName): Column => ({
  name: "path",
  kind: "text",
  native: "varchar(64)",
  nullable: true,
  generated: false,
  hasDefault: false,
  ...(engine === "mysql" || engine === "mariadb" ? { collation: "ascii_bin" } : {}),
});

/** A level of a way, with the hash of the way down to it, and that of the way above, null for a root. */
export interface Level {
  readonly cells: readonly JsonCell[];
  readonly hash: string;
  readonly above: string | null;
}

/** From the root on: the hash of a level is the sha256 of that above and the level's JSON. Throws `E_PACKAGE` for what is no path. */
export function hashedLevels(cell: JsonCell, width: number): Level[] {
  const levels = levelsOf(cell, width);
  // A row's own way is longer by one than the one to the row above, which it holds.
  if (levels.length > MOST_LEVELS + 1)
    throw new HoldfastError("E_PACKAGE", `a path of ${levels.length} levels: there can be ${MOST_LEVELS}`);
  let above: string | null = null;
  return levels.map((cells): Level => {
    const level = { cells, hash: hash("sha256", `${above ?? ""}${JSON.stringify(cells)}`), above };
    above = level.hash;
    return level;
  });
}

export class PathHasher {
  readonly #known = new Map<string, string>();

  /** Of a whole way. Throws like `hashedLevels`. */
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

/** The way to a row below the one that `parent` leads to. Throws `E_IMPORT`, in words that fit behind a column's name, where that is no way. */
export function pathBelow(parent: JsonCell, own: readonly JsonCell[]): readonly JsonCell[] {
  if (parent === null) return own;
  if (isKey(parent)) return [...parent, ...own];
  throw new HoldfastError("E_IMPORT", "leads to a parent that is not known by its key");
}
