/** What stands at one place of a row on its way: a value, or the key of another row, and how such keys nest. */
import { HoldfastError } from "../../errors.ts";
import type { KeyColumn } from "./fields.ts";
import { isLarge, type LargeTag } from "../format/large-value.ts";
import type { JsonValue } from "../values/codec.ts";

/** The columns of a link as they were, where no key stands for them: they point to nothing, or are partly NULL. */
export interface RawLink {
  readonly $raw: readonly JsonValue[];
}

/** A value, or what stands for a large one; or the key of another row, nested where that key holds keys. */
export type JsonCell = JsonValue | LargeTag | RawLink | GenericLink | readonly JsonCell[];

/** Where a generic relation leads: the table, and the key of its row. */
export interface GenericLink {
  readonly $generic: readonly [string, ...JsonCell[]];
}

/** `[a, [b, c]]`: the values of one key, those of a key within it in brackets of their own; a path, which has such brackets to itself, as its cells. */
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

/** What each leaf of a key stands for: its value, or the cells of its path. Throws `E_PACKAGE` for what is no such key. */
export function unnest(leaves: readonly KeyColumn[], cell: JsonCell, depth: number): JsonCell[] {
  // Where nothing is of a length of its own, brackets say nothing.
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

/** The levels of a path, each `width` cells. Throws `E_PACKAGE` for what is no path. */
export function levelsOf(cell: JsonCell, width: number): (readonly JsonCell[])[] {
  if (!isKey(cell) || cell.length === 0 || cell.length % width !== 0) throw noKey(cell);
  return Array.from({ length: cell.length / width }, (_none, level) => cell.slice(level * width, (level + 1) * width));
}

const noKey = (cell: JsonCell): HoldfastError =>
  new HoldfastError("E_PACKAGE", `${JSON.stringify(cell)?.slice(0, 80) ?? "nothing"} stands where a key belongs`);

/** The values of a link's key, in a row. Throws `E_PACKAGE` for what is no key. */
export function flatten(cell: JsonCell): JsonValue[] {
  return isKey(cell) ? cell.flatMap((one) => flatten(one)) : [valueOf(cell)];
}

export const isKey = (cell: JsonCell): cell is readonly JsonCell[] => Array.isArray(cell);

/** Throws `E_PACKAGE` for a key, where a value belongs. */
export function valueOf(cell: JsonCell): JsonValue {
  if (isValue(cell)) return cell;
  throw new HoldfastError(
    "E_PACKAGE",
    `${JSON.stringify(cell)?.slice(0, 80) ?? "nothing"} stands where a value belongs`,
  );
}

const isValue = (cell: JsonCell): cell is JsonValue =>
  cell === null ||
  ["string", "number", "boolean"].includes(typeof cell) ||
  (typeof cell === "object" && "$" in cell && !isLarge(cell));

export const isRaw = (cell: JsonCell | undefined): cell is RawLink =>
  typeof cell === "object" && cell !== null && "$raw" in cell;

export const isGeneric = (cell: JsonCell | undefined): cell is GenericLink =>
  typeof cell === "object" && cell !== null && "$generic" in cell;
