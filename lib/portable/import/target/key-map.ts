/** Rows that the config takes for others, by their keys: roles that are called otherwise here. Replaced in the cells of an export, before they are staged. */
import type { KeyMapSetting, PlainValue } from "../../../config/portable-refinement.ts";
import { HoldfastError } from "../../../errors.ts";
import { settingOf } from "../../rows/column-rules.ts";
import { columnOf, type Column, type Schema, type Table, type TableId } from "../../schema/tables.ts";
import type { RowLayout, KeyColumn } from "../../rows/fields.ts";
import { findTable } from "../../schema/names.ts";
import { isGeneric, isRaw, nest, unnest, type JsonCell } from "../../rows/nested-key.ts";
import type { TargetTable } from "./types.ts";
import type { JsonValue } from "../../values/codec.ts";

/** One row that is taken for another, with how often that was done. */
export interface KeyMapping {
  readonly table: Table;
  /** The columns of the key. */
  readonly columns: readonly Column[];
  readonly from: readonly string[];
  readonly to: readonly JsonValue[];
  /** Rows of the table itself that were passed over. */
  rows: number;
  /** Values in other rows that led to it. */
  links: number;
}

export interface RemappedRow {
  readonly cells: readonly JsonCell[];
  /** The row's own key is another now. */
  readonly isRenamed: boolean;
}

/** Gives the cells of a row as they are to be staged; undefined for a row that another one stands for. */
export type RowMapper = (cells: readonly JsonCell[]) => RemappedRow | undefined;

/** A mapped table, by the key that a row is to have. */
type MappedTable = ReadonlyMap<string, KeyMapping>;

/** Where a key stands among the values of a link. */
interface Place {
  readonly mapped: MappedTable;
  /** In the order of the key's columns. */
  readonly at: readonly number[];
}

export class KeyMap {
  readonly #tables = new Map<TableId, MappedTable>();

  /** Throws `E_CONFIG` for a table that is not there, a key that is no values of the row's own, and a row that would be mapped twice. */
  constructor(schema: Schema, fields: RowLayout, setting: Readonly<Record<string, KeyMapSetting>>) {
    for (const [name, pairs] of Object.entries(setting)) {
      const where = `portable.map.${name}`;
      const table = findTable(schema, name, "portable.map");
      if (this.#tables.has(table.id))
        throw new HoldfastError("E_CONFIG", `portable.map: the table ${table.id} is named twice`);
      const columns = keyColumns(fields, table, where);
      this.#tables.set(table.id, mappingsOf(schema, table, columns, pairsOf(pairs), where));
    }
  }

  get all(): KeyMapping[] {
    return [...this.#tables.values()].flatMap((mapped) => [...mapped.values()]);
  }

  /** What is to be done to the rows of a table; undefined where nothing is. */
  of(target: TargetTable): RowMapper | undefined {
    const places = target.fields.map((field): ((cell: JsonCell) => JsonCell) | undefined => {
      const leaves = field?.kind === "link" ? field.leaves : [];
      if (field?.kind === "link") {
        const inKey = this.#placesIn(field.leaves);
        return inKey.length === 0
          ? undefined
          : (cell) => (cell === null || isRaw(cell) ? cell : replaced(cell, leaves, inKey));
      }
      if (field?.kind !== "generic") return undefined;
      const byTable = new Map(
        field.targets.map(
          ({ target: { as }, leaves: own }) => [as, { leaves: own, inKey: this.#placesIn(own) }] as const,
        ),
      );
      if ([...byTable.values()].every(({ inKey }) => inKey.length === 0)) return undefined;
      return (cell) => {
        if (!isGeneric(cell)) return cell;
        const [table, ...key] = cell.$generic;
        const { leaves: own, inKey } = byTable.get(table) ?? { leaves: [], inKey: [] };
        return { $generic: [table, ...replaced(key, own, inKey)] };
      };
    });
    const own = this.#tables.get(target.table.id);
    if (own === undefined && places.every((one) => one === undefined)) return undefined;
    const ownAt = target.key.columns.map((name) =>
      target.fields.findIndex((field) => field?.kind === "value" && field.column.name === name),
    );
    const isKey = target.fields.map((field) =>
      namesOf(field).some((name) => target.key.kind !== "none" && target.key.columns.includes(name)),
    );
    return (cells) => {
      const mapping = own && found(own, ownAt.map((at) => cells[at] ?? null)); // prettier-ignore
      if (mapping !== undefined) {
        mapping.rows++;
        return undefined;
      }
      let isRenamed = false;
      const next = cells.map((cell, at) => {
        const place = places[at];
        const changed = place === undefined ? cell : place(cell);
        if (changed !== cell && isKey[at] === true) isRenamed = true;
        return changed;
      });
      return { cells: next, isRenamed };
    };
  }

  /** Throws `E_CONFIG` for a mapped row that the ways to rows of a tree hold. */
  #refuseIn(parts: readonly KeyColumn[]): void {
    for (const { through, parts: inner = [] } of parts) {
      const target = through.at(-1)?.target;
      if (target !== undefined && this.#tables.has(target))
        throw new HoldfastError(
          "E_CONFIG",
          `portable.map: ${target} is in the key of a tree, in which no rows are mapped`,
        );
      this.#refuseIn(inner);
    }
  }

  #placesIn(leaves: readonly KeyColumn[]): Place[] {
    const groups = new Map<string, { readonly mapped: MappedTable; readonly table: TableId; readonly at: number[] }>();
    for (const [index, { through, column, parts = [] }] of leaves.entries()) {
      this.#refuseIn(parts);
      const table = through.at(-1)?.target ?? "";
      const mapped = this.#tables.get(table);
      if (mapped === undefined) continue;
      const path = through.map(({ name, target }) => `${name}>${target}`).join("/");
      const group = groups.get(path) ?? { mapped, table, at: [] };
      groups.set(path, group);
      const [{ columns = [] } = {}] = mapped.values();
      const place = columns.findIndex(({ name }) => name === column.name);
      if (place >= 0) group.at[place] = index;
    }
    return [...groups.values()];
  }
}

/** The same cell where nothing in it is mapped. */
function replaced<T extends JsonCell | readonly JsonCell[]>(
  cell: T,
  leaves: readonly KeyColumn[],
  places: readonly Place[],
): T | JsonCell[] {
  if (places.length === 0) return cell;
  const values = unnest(leaves, cell, 1);
  let isChanged = false;
  for (const { mapped, at } of places) {
    const mapping = found(mapped, at.map((one) => values[one] ?? null)); // prettier-ignore
    if (mapping === undefined) continue;
    for (const [index, one] of at.entries()) values[one] = mapping.to[index] ?? null;
    mapping.links++;
    isChanged = true;
  }
  if (!isChanged) return cell;
  return nest(
    leaves.map((leaf, at) => ({ leaf, value: values[at] ?? null })),
    1,
  );
}

const found = (mapped: MappedTable, key: readonly JsonCell[]): KeyMapping | undefined =>
  key.some((one) => one === null || typeof one === "object") ? undefined : mapped.get(keyOf(key.map(String)));

const keyOf = (values: readonly string[]): string => JSON.stringify(values);

function namesOf(field: TargetTable["fields"][number]): string[] {
  if (field === undefined) return [];
  return field.kind === "link" ? field.columns.map(({ name }) => name) : [field.column.name];
}

function keyColumns(fields: RowLayout, table: Table, where: string): Column[] {
  const key = fields.key(table.id);
  const linked = new Set(table.foreignKeys.flatMap(({ columns }) => columns));
  if (key.kind !== "natural" || key.columns.some((name) => linked.has(name)))
    throw new HoldfastError(
      "E_CONFIG",
      `${where}: the rows of ${table.id} are told apart by ${key.columns.join(", ") || "nothing"}, and only keys of values of their own are mapped`,
      { hint: `give it a key by name, under portable.keys, when the export is made` },
    );
  return key.columns.map((name) => columnOf(table, name));
}

interface Pair {
  readonly from: readonly PlainValue[];
  readonly to: readonly PlainValue[];
}

const pairsOf = (setting: KeyMapSetting): readonly Pair[] =>
  Array.isArray(setting) ? setting : Object.entries(setting).map(([from, to]) => ({ from: [from], to: [to] }));

function mappingsOf(
  schema: Schema,
  table: Table,
  columns: readonly Column[],
  pairs: readonly Pair[],
  where: string,
): MappedTable {
  const mapped = new Map<string, KeyMapping>();
  for (const { from, to } of pairs) {
    const said = `${where}.${from.join(", ")}`;
    if (from.length !== columns.length || to.length !== columns.length)
      throw new HoldfastError(
        "E_CONFIG",
        `${said}: the key of ${table.id} is (${columns.map(({ name }) => name).join(", ")}), ${columns.length} values on either side`,
      );
    const key = from.map(String);
    if (mapped.has(keyOf(key))) throw new HoldfastError("E_CONFIG", `${said} is mapped twice`);
    const values = columns.map((column, at) => settingOf(schema, column, to[at] ?? null, said));
    mapped.set(keyOf(key), { table, columns, from: key, to: values, rows: 0, links: 0 });
  }
  for (const { to } of mapped.values())
    if (mapped.has(keyOf(to.map(String))))
      throw new HoldfastError("E_CONFIG", `${where}: ${to.map(String).join(", ")} is mapped itself`, {
        hint: "map each row to one that stays",
      });
  return mapped;
}
