/** The cells of an exported row: values, keys of other rows, and the nesting of such keys. */
import { HoldfastError } from "../../errors.ts";
import type { KeyColumn } from "./fields.ts";
import { isLarge, type LargeTag } from "../format/large-value.ts";
import type { JsonValue } from "../format/value.ts";

/** The raw columns of a foreign key that has no key to replace them: it references no row, or is partly NULL. */
export interface RawLink {
  readonly $raw: readonly JsonValue[];
}

/** A value, the tag of a large value, or the key of another row, nested if that key contains keys. */
export type JsonCell = JsonValue | LargeTag | RawLink | GenericLink | readonly JsonCell[];

/** The target of a generic relation: the table and the key of the row. */
export interface GenericLink {
  readonly $generic: readonly [string, ...JsonCell[]];
}

/**
 * Nests the values of one key: in `[a, [b, c]]`, an inner key has brackets of its own. A path, which is always
 * bracketed alone, is inserted as its cells.
 */
export function nest(
  leaves: readonly { readonly leaf: KeyColumn; readonly value: JsonCell }[],
  depth: number,
): JsonCell[] {
  const cells: JsonCell[] = [];
  for (let at = 0; at < leaves.length;) {
    const one = leaves[at];
    const link = one?.leaf.through[depth];
    if (one === undefined) break;
    if (link === undefined) {
      if (one.leaf.parts !== undefined && isKey(one.value)) cells.push(...one.value);
      else cells.push(one.value);
      at++;
      continue;
    }
    let end = at + 1;
    while (leaves[end]?.leaf.through[depth] === link) end++;
    cells.push(nest(leaves.slice(at, end), depth + 1));
    at = end;
  }
  return cells;
}

/**
 * Returns the value of each key column: a plain value, or the cells of a path. Throws `E_PACKAGE` for an invalid key.
 */
export function unnest(leaves: readonly KeyColumn[], cell: JsonCell, depth: number): JsonCell[] {
  // Without paths, each key column has exactly one value, so the brackets carry no information.
  if (leaves.every(({ parts }) => parts === undefined)) return flatten(cell);
  if (!isKey(cell)) throw noKey(cell);
  const values: JsonCell[] = [];
  let next = 0;
  for (let at = 0; at < leaves.length;) {
    const link = leaves[at]?.through[depth];
    if (link === undefined && leaves[at]?.parts !== undefined) return [...values, cell.slice(next)];
    const part = cell[next++];
    if (part === undefined) throw noKey(cell);
    let end = at + 1;
    while (link !== undefined && leaves[end]?.through[depth] === link) end++;
    if (link === undefined) values.push(valueOf(part));
    else values.push(...unnest(leaves.slice(at, end), part, depth + 1));
    at = end;
  }
  return values;
}

/** Splits a path into levels of `width` cells. Throws `E_PACKAGE` for an invalid path. */
export function levelsOf(cell: JsonCell, width: number): (readonly JsonCell[])[] {
  if (!isKey(cell) || cell.length === 0 || cell.length % width !== 0) throw noKey(cell);
  return Array.from({ length: cell.length / width }, (_none, level) => cell.slice(level * width, (level + 1) * width));
}

const noKey = (cell: JsonCell): HoldfastError =>
  new HoldfastError("E_PACKAGE", `expected a key, found ${JSON.stringify(cell)?.slice(0, 80) ?? "nothing"}`);

/** Flattens a key into one list of values. Throws `E_PACKAGE` for an invalid key. */
export function flatten(cell: JsonCell): JsonValue[] {
  return isKey(cell) ? cell.flatMap((one) => flatten(one)) : [valueOf(cell)];
}

export const isKey = (cell: JsonCell): cell is readonly JsonCell[] => Array.isArray(cell);

/** Returns the cell as a value. Throws `E_PACKAGE` for a key. */
export function valueOf(cell: JsonCell): JsonValue {
  if (isValue(cell)) return cell;
  throw new HoldfastError("E_PACKAGE", `expected a value, found ${JSON.stringify(cell)?.slice(0, 80) ?? "nothing"}`);
}

const isValue = (cell: JsonCell): cell is JsonValue =>
  cell === null ||
  ["string", "number", "boolean"].includes(typeof cell) ||
  (typeof cell === "object" && "$" in cell && !isLarge(cell));

export const isRaw = (cell: JsonCell | undefined): cell is RawLink =>
  typeof cell === "object" && cell !== null && "$raw" in cell;

export const isGeneric = (cell: JsonCell | undefined): cell is GenericLink =>
  typeof cell === "object" && cell !== null && "$generic" in cell;
