/**
 * Loads external records into the scratch database: values into their columns, references as the keys they are written
 * as.
 */
import type { ValueRules } from "../../engine/value-rules.ts";
import { portableEngine } from "../../engines/registry.ts";
import { HoldfastError } from "../../../errors.ts";
import type { Cell } from "../../engine/session.ts";
import { columnOf, type Column, type ForeignKey, type Schema, type Table, type TableId } from "../../schema/tables.ts";
import { decode } from "../../values/decode.ts";
import { idColumnOf, type FieldTarget, type TableMapping } from "./table-mapping.ts";
import { isList, isObject, NumberLiteral, toPythonJson, type Json } from "../json/lossless.ts";
import { placeOf, shown, type ForeignRecord } from "../read/record.ts";
import type { References } from "./references.ts";
import { FILE, LINE, referenceColumn, type Scratch } from "./scratch-database.ts";
import { assertStorable, scratchCell, valueFor } from "./values.ts";

/** The records loaded for a table. */
export interface Loaded {
  readonly table: Table;
  rows: number;
  /** Rows with a primary key of their own. */
  numbered: number;
  /** The number of rows with a value for each column. */
  readonly given: Map<string, number>;
  /** Fields that the table lacks. */
  readonly unknown: Set<string>;
}

interface Draft {
  readonly table: Table;
  readonly cells: Map<string, Cell>;
  readonly given: Set<string>;
}

export class Loader {
  readonly loaded = new Map<TableId, Loaded>();
  readonly #schema: Schema;
  readonly #rules: ValueRules;
  readonly #mapping: TableMapping;
  readonly #keys: ReadonlyMap<TableId, readonly string[]>;
  readonly #scratch: Scratch;
  readonly #references: References;
  /** Ids for rows without one, in their order: far below zero, where no others are. */
  #next = -(2n ** 62n);

  /** `keys` are those of the config. */
  constructor(
    schema: Schema,
    mapping: TableMapping,
    scratch: Scratch,
    references: References,
    keys: ReadonlyMap<TableId, readonly string[]>,
  ) {
    this.#keys = keys;
    this.#schema = schema;
    this.#rules = portableEngine(schema.engine).values;
    this.#mapping = mapping;
    this.#scratch = scratch;
    this.#references = references;
  }

  /**
   * Loads a record, and returns the tables that received rows. Throws `E_IMPORT` with the record's location and the
   * fault.
   */
  add(record: ForeignRecord, table: Table): Table[] {
    const draft: Draft = { table, cells: new Map(), given: new Set() };
    const lists: { target: FieldTarget & { kind: "many" }; items: readonly Json[]; name: string }[] = [];
    const parts = new Map<ForeignKey, Map<string, Json>>();
    const number = this.#number(draft, record);
    for (const [name, value] of record.fields) {
      const target = this.#mapping.fieldOf(table, name);
      if (target.kind === "many") lists.push({ target, items: itemsOf(record, name, value), name });
      else if (target.kind === "part")
        parts.set(target.link, (parts.get(target.link) ?? new Map<string, Json>()).set(target.path, value));
      else this.#put(draft, target, value, { record, name });
    }
    for (const [link, values] of parts) this.#putParts(draft, link, values, record);
    if (number !== undefined && !draft.given.has(number.name)) {
      this.#next++;
      draft.cells.set(number.name, number.kind === "integer" ? this.#next : String(this.#next));
    }
    if (record.naturalKey !== undefined && number !== undefined)
      this.#references.name(table.id, record.naturalKey, draft.cells.get(number.name) ?? null);
    this.#insert(draft, record);
    const joins = lists.map(({ target, items, name }) => {
      for (const item of items) this.#join(target, draft, item, { record, name });
      return target.table;
    });
    return [table, ...joins];
  }

  /** Sets the primary key of a record that has one outside its fields; returns its column if it is a single one. */
  #number(draft: Draft, record: ForeignRecord): Column | undefined {
    const number = idColumnOf(draft.table);
    const pk =
      record.pk ??
      (number === undefined ? undefined : pkOfKey(record, number, (name) => this.#isUnique(draft.table, name)));
    if (pk === undefined || draft.table.primaryKey === null) return number;
    const names = draft.table.primaryKey.columns;
    const values = isList(pk) && names.length > 1 ? pk : [pk];
    if (values.length !== names.length)
      throw fault(record, `has a pk of ${values.length} values, but ${draft.table.id} expects ${names.length}`);
    for (const [at, name] of names.entries())
      this.#put(draft, this.#mapping.fieldOf(draft.table, name), values[at] ?? null, { record, name });
    return number;
  }

  /** Checks whether the database or the config makes a field unique. */
  #isUnique(table: Table, field: string): boolean {
    const target = this.#mapping.fieldOf(table, field);
    const names = target.kind === "value" ? [target.column.name] : target.kind === "link" ? target.link.columns : [];
    const keys = [...table.uniques.map(({ columns }) => columns), this.#keys.get(table.id) ?? []];
    return keys.some((columns) => columns.length === 1 && names.length === 1 && columns[0] === names[0]);
  }

  #put(draft: Draft, target: FieldTarget, value: Json, at: Place): void {
    switch (target.kind) {
      case "value":
        draft.given.add(target.column.name);
        draft.cells.set(target.column.name, this.#cell(target.column, value, at));
        return;
      case "link":
        for (const column of target.link.columns) draft.given.add(column);
        this.#putLink(draft, target.link, value, at);
        return;
      default:
        this.#putUnknown(draft, at.name, value);
    }
  }

  #putLink(draft: Draft, link: ForeignKey, value: Json, at: Place): void {
    const target = this.#schema.tables.find(({ id }) => id === link.target);
    const [first = ""] = link.columns;
    if (value === null) {
      for (const column of link.columns) draft.cells.set(column, null);
      return;
    }
    const raw = rawOf(value);
    const [pointed] = link.targetColumns;
    if (target === undefined || pointed === undefined) return;
    if (raw !== undefined) {
      for (const [index, name] of link.columns.entries())
        draft.cells.set(name, this.#cell(columnOf(draft.table, name), raw[index] ?? null, at));
      return;
    }
    const column = columnOf(target, pointed);
    if (link.columns.length === 1 && !isList(value) && isNumberOf(column, value)) {
      draft.cells.set(first, this.#cell(column, value, at));
      return;
    }
    const key = isList(value) ? value : [value];
    draft.cells.set(referenceColumn(first), this.#references.add(link, key, at.record));
  }

  #putParts(draft: Draft, link: ForeignKey, parts: ReadonlyMap<string, Json>, record: ForeignRecord): void {
    const [first = ""] = link.columns;
    // If the foreign key itself is present, its parts add nothing.
    if (draft.given.has(first)) return;
    draft.given.add(first);
    const isNull = [...parts.values()].every((value) => value === null);
    const number = parts.get("pk");
    if (isNull) draft.cells.set(first, null);
    else if (number !== undefined) this.#putLink(draft, link, number, { record, name: `${first}.pk` });
    else draft.cells.set(referenceColumn(first), this.#references.add(link, parts, record));
  }

  #putUnknown({ table, cells, given }: Draft, name: string, value: Json): void {
    const loaded = this.#of(table);
    if (!loaded.unknown.has(name)) {
      if (!table.columns.some((column) => column.name.toLowerCase() === name.toLowerCase()))
        this.#scratch.addColumn(table.id, name);
      loaded.unknown.add(name);
    }
    given.add(name);
    cells.set(name, value === null ? null : typeof value === "string" ? value : toPythonJson(value));
  }

  #join({ table, own, other }: FieldTarget & { kind: "many" }, from: Draft, item: Json, at: Place): void {
    if (item === null) throw fault(at.record, `has null in the list ${at.name}`);
    const draft: Draft = { table, cells: new Map(), given: new Set([...own.columns, ...other.columns]) };
    const number = from.cells.get(own.targetColumns[0] ?? "") ?? null;
    if (number === null) throw fault(at.record, `has the list ${at.name}, but no pk`);
    draft.cells.set(own.columns[0] ?? "", number);
    this.#putLink(draft, other, item, at);
    const ownNumber = idColumnOf(table);
    if (ownNumber !== undefined && !draft.given.has(ownNumber.name)) draft.cells.set(ownNumber.name, ++this.#next);
    this.#insert(draft, at.record);
  }

  #cell(column: Column, value: Json, { record, name }: Place): Cell {
    try {
      const found = valueFor(column, value);
      if (found === null && !column.nullable)
        throw new HoldfastError("E_IMPORT", "is null, but the column is NOT NULL");
      decode(this.#rules, column, found);
      assertStorable(this.#rules, column, found);
      return scratchCell(column, found);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      throw fault(record, `${name} ${error.message}`);
    }
  }

  #insert({ table, cells, given }: Draft, { file, line }: ForeignRecord): void {
    const loaded = this.#of(table);
    loaded.rows++;
    for (const name of given) loaded.given.set(name, (loaded.given.get(name) ?? 0) + 1);
    const number = idColumnOf(table);
    if (number !== undefined && given.has(number.name)) loaded.numbered++;
    this.#scratch.insert(table.id, [...cells.keys(), FILE, LINE], [...cells.values(), file, BigInt(line)]);
  }

  #of(table: Table): Loaded {
    const found = this.loaded.get(table.id) ?? { table, rows: 0, numbered: 0, given: new Map(), unknown: new Set() };
    this.loaded.set(table.id, found);
    return found;
  }
}

interface Place {
  readonly record: ForeignRecord;
  /** The name of the field. */
  readonly name: string;
}

const fault = (record: ForeignRecord, what: string): HoldfastError =>
  new HoldfastError("E_IMPORT", `${placeOf(record)}: ${what}`);

function itemsOf(record: ForeignRecord, name: string, value: Json): readonly Json[] {
  if (isList(value)) return value;
  throw fault(record, `${name} expects a list, found ${shown(value)}`);
}

/** Returns the raw columns of a reference: `{"$raw": […]}`. */
function rawOf(value: Json): readonly Json[] | undefined {
  const raw = isObject(value) ? value.get("$raw") : undefined;
  return isList(raw) ? raw : undefined;
}

/** Checks whether a value can be a primary key rather than a natural key. */
function isNumberOf({ kind }: Column, value: Json): boolean {
  if (kind === "integer")
    return (
      typeof value === "number" ||
      value instanceof NumberLiteral ||
      (typeof value === "string" && /^-?\d+$/.test(value))
    );
  if (kind === "uuid")
    return typeof value === "string" && /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(value);
  return true;
}

/** Returns a record's natural key if it may be its id: one value of that type, which no unique field holds. */
function pkOfKey(
  { naturalKey, fields }: ForeignRecord,
  number: Column,
  isUnique: (field: string) => boolean,
): Json | undefined {
  const [value, ...more] = naturalKey ?? [];
  if (value === undefined || value === null || more.length > 0 || isList(value) || fields.has(number.name))
    return undefined;
  if (!isNumberOf(number, value)) return undefined;
  const words = toPythonJson(value);
  return [...fields].some(
    ([name, one]) => isUnique(name) && (toPythonJson(one) === words || toPythonJson(one) === `[${words}]`),
  )
    ? undefined
    : value;
}
