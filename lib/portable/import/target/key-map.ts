/**
 * Maps rows of an export to other rows of the target by key, such as roles with another name there. Keys are replaced
 * in the cells of the export, before they are staged.
 */
import type { KeyMapSetting, PlainValue } from "../../../config/settings/refinement.ts";
import { HoldfastError } from "../../../errors.ts";
import { settingOf } from "../../rows/column-rules.ts";
import { columnOf, type Column, type Schema, type Table, type TableId } from "../../schema/tables.ts";
import type { RowLayout, KeyColumn } from "../../rows/fields.ts";
import { findTable } from "../../schema/names.ts";
import { isGeneric, isRaw, nest, unnest, type JsonCell } from "../../rows/nested-key.ts";
import type { TargetTable } from "./types.ts";
import type { JsonValue } from "../../format/value.ts";

/** One mapped key, with counts of its use. */
export interface KeyMapping {
  readonly table: Table;
  readonly columns: readonly Column[];
  readonly from: readonly string[];
  readonly to: readonly JsonValue[];
  /** Skipped rows of the table itself. */
  rows: number;
  /** Redirected references in other rows. */
  links: number;
}

export interface RemappedRow {
  readonly cells: readonly JsonCell[];
  /** True if the mapping changed the row's own key. */
  readonly isRenamed: boolean;
}

/** Returns the cells of a row as they are to be staged; undefined for a row that another one replaces. */
export type RowMapper = (cells: readonly JsonCell[]) => RemappedRow | undefined;

/** The mappings of a table, by the encoded original key. */
type MappedTable = ReadonlyMap<string, KeyMapping>;

/** The position of a key among the values of a foreign key. */
interface KeyPosition {
  readonly mapped: MappedTable;
  /** Positions in the order of the key's columns. */
  readonly at: readonly number[];
}

export class KeyMap {
  readonly #tables = new Map<TableId, MappedTable>();

  /** Throws `E_CONFIG` for an unknown table, a key that is not made of the row's own values, or a row mapped twice. */
  constructor(schema: Schema, fields: RowLayout, setting: Readonly<Record<string, KeyMapSetting>>) {
    for (const [name, pairs] of Object.entries(setting)) {
      const where = `portable.map.${name}`;
      const table = findTable(schema, name, "portable.map");
      if (this.#tables.has(table.id))
        throw new HoldfastError("E_CONFIG", `portable.map: table ${table.id} is listed twice`);
      const columns = keyColumns(fields, table, where);
      this.#tables.set(table.id, mappingsOf(schema, table, columns, pairsOf(pairs), where));
    }
  }

  get all(): KeyMapping[] {
    return [...this.#tables.values()].flatMap((mapped) => [...mapped.values()]);
  }

  /** Returns the function that maps the rows of a table; undefined if nothing in it is mapped. */
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
      const ownKey = ownAt.map((at) => cells[at] ?? null);
      const mapping = own && found(own, ownKey);
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

  /** Throws `E_CONFIG` if a mapped table is part of the key of a tree. */
  #assertNotMapped(parts: readonly KeyColumn[]): void {
    for (const { through, parts: inner = [] } of parts) {
      const target = through.at(-1)?.target;
      if (target !== undefined && this.#tables.has(target))
        throw new HoldfastError(
          "E_CONFIG",
          `portable.map: ${target} is part of the key of a tree, where rows cannot be mapped`,
        );
      this.#assertNotMapped(inner);
    }
  }

  #placesIn(leaves: readonly KeyColumn[]): KeyPosition[] {
    const groups = new Map<string, { readonly mapped: MappedTable; readonly table: TableId; readonly at: number[] }>();
    for (const [index, { through, column, parts = [] }] of leaves.entries()) {
      this.#assertNotMapped(parts);
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

/** Returns the same cell if nothing in it is mapped. */
function replaced<T extends JsonCell | readonly JsonCell[]>(
  cell: T,
  leaves: readonly KeyColumn[],
  places: readonly KeyPosition[],
): T | JsonCell[] {
  if (places.length === 0) return cell;
  const values = unnest(leaves, cell, 1);
  let isChanged = false;
  for (const { mapped, at } of places) {
    const key = at.map((one) => values[one] ?? null);
    const mapping = found(mapped, key);
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
      `${where}: only keys of plain values can be mapped; ${table.id} has ` +
        (key.columns.length === 0 ? "no key" : `the key ${key.columns.join(", ")}`),
      { hint: "export it with a key of plain values under portable.keys" },
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
        `${said}: expected ${columns.length} values on either side, for the key of ${table.id} ` +
          `(${columns.map(({ name }) => name).join(", ")})`,
      );
    const key = from.map(String);
    if (mapped.has(keyOf(key))) throw new HoldfastError("E_CONFIG", `${said} is mapped twice`);
    const values = columns.map((column, at) => settingOf(schema, column, to[at] ?? null, said));
    mapped.set(keyOf(key), { table, columns, from: key, to: values, rows: 0, links: 0 });
  }
  for (const { to } of mapped.values())
    if (mapped.has(keyOf(to.map(String))))
      throw new HoldfastError(
        "E_CONFIG",
        `${where}: ${to.map(String).join(", ")} is both the target of a mapping and mapped itself`,
        {
          hint: "map each row to one that is not mapped",
        },
      );
  return mapped;
}
