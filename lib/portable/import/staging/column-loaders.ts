/** Loads the cells of an exported row into the columns of a staging table. */
import { HoldfastError } from "../../../errors.ts";
import type { Connection } from "../../engine/connection.ts";
import type { Cell } from "../../engine/session.ts";
import type { Decoder, ValueRules } from "../../engine/value-rules.ts";
import { decoderOf } from "../../values/decode.ts";
import type { KeyColumn } from "../../rows/fields.ts";
import { flatten, isGeneric, isRaw, unnest, valueOf, type JsonCell } from "../../rows/nested-key.ts";
import { isLarge } from "../../format/large-value.ts";
import type { Column, ForeignKey } from "../../schema/tables.ts";
import type { TargetField, AddedColumn } from "../target/types.ts";
import { isPath, widthOf } from "../../rows/tree-path.ts";
import { hashColumn, type PathHasher } from "./path-hash.ts";

/** A column of the real table, and the staging column it is written from. */
export interface StagedColumn {
  readonly column: Column;
  readonly staged: string;
  /** True if only new rows get the value; existing rows keep theirs. */
  readonly onlyNew?: boolean;
}

/** A foreign key whose columns are resolved by the key that it is exported as. */
export interface StagedForeignKey {
  readonly link: ForeignKey;
  readonly columns: readonly StagedColumn[];
  readonly leaves: readonly { readonly leaf: KeyColumn; readonly staged: string }[];
}

/** Loads one field of a row. */
export interface ColumnLoader {
  readonly staged: readonly { readonly name: string; readonly column: Column }[];
  readonly columns: readonly StagedColumn[];
  readonly links?: readonly StagedForeignKey[];
  /** Appends a cell for each of `staged`. */
  readonly fill: (cell: JsonCell, row: Cell[]) => void;
  /** Returns statements to run once all rows are loaded, for values that a strict server does not load. */
  readonly settle?: (stage: string) => readonly string[];
}

/** Checks whether NULL is invalid in a column, rather than a request for a generated value. */
const mayNotBeNull = ({ nullable, identity }: Column): boolean => !nullable && identity === undefined;

const isNull = (): HoldfastError => new HoldfastError("E_IMPORT", "is NULL, but the column here is NOT NULL");

/** Rejects NULL here: a server would name the column but not the row. */
function requiring(decoded: Decoder, column: Column): Decoder {
  if (!mayNotBeNull(column)) return decoded;
  return (value) => {
    if (value === null) throw isNull();
    return decoded(value);
  };
}

/** Returns the loader of a field; an empty one if the database lacks its column. */
export function columnLoader(connection: Connection, field: TargetField, at: number, hasher: PathHasher): ColumnLoader {
  const rules = connection.engine.values;
  if (field === undefined) return { staged: [], columns: [], fill: () => {} };
  if (field.kind === "value") {
    const staged = `v${at}`;
    if (field.isEnum === true && mayBeEmpty(rules, field.column)) return enumLoader(connection, field.column, staged);
    const decoded = field.replaced
      ? decoderOf(rules, field.column)
      : requiring(decoderOf(rules, field.column), field.column);
    return {
      staged: [{ name: staged, column: field.column }],
      columns: [{ column: field.column, staged, ...(field.replaced && { onlyNew: true }) }],
      fill: (cell, row) => void row.push(isLarge(cell) ? null : decoded(valueOf(cell))),
    };
  }
  if (field.kind === "generic") return genericLoader(connection, field, at, hasher);
  const columns = field.columns.map((column, index): StagedColumn => ({ column, staged: `v${at}_${index}` }));
  const raw = columns.map(({ column, staged }) => ({ name: staged, column }));
  const decoders = columns.map(({ column }) => decoderOf(rules, column));
  const fillNull = (row: Cell[], count: number): void => {
    for (let index = 0; index < count; index++) row.push(null);
  };
  /** True if no column of the foreign key may be NULL. */
  const isRequired = field.columns.every(mayNotBeNull);
  const fillRaw = (cell: JsonCell, row: Cell[]): boolean => {
    if (cell === null && isRequired) throw isNull();
    if (cell === null) fillNull(row, columns.length);
    else if (isRaw(cell))
      for (const [index, decoded] of decoders.entries()) row.push(decoded(cell.$raw[index] ?? null));
    else return false;
    return true;
  };
  if (field.direct) {
    // The values are those of the referenced columns, in the order of the target's.
    const places = field.link.targetColumns.map((name) => field.leaves.findIndex(({ column }) => column.name === name));
    return {
      staged: raw,
      columns,
      fill: (cell, row) => {
        if (fillRaw(cell, row)) return;
        const flat = flatten(cell);
        for (const [index, decoded] of decoders.entries()) row.push(decoded(flat[places[index] ?? index] ?? null));
      },
    };
  }
  const leaves = field.leaves.map((leaf, index) => ({ leaf, staged: `k${at}_${index}` }));
  const keys = leaves.map(({ leaf }) => keyDecoder(rules, leaf, hasher));
  return {
    staged: [...raw, ...leaves.map(({ leaf, staged }) => ({ name: staged, column: keyColumn(connection, leaf) }))],
    columns,
    links: [{ link: field.link, columns, leaves }],
    fill: (cell, row) => {
      if (fillRaw(cell, row)) return fillNull(row, keys.length);
      fillNull(row, columns.length);
      const values = unnest(field.leaves, cell, 1);
      for (const [index, decoded] of keys.entries()) row.push(decoded(values[index] ?? null));
    },
  };
}

/**
 * Checks whether `''` is no label of a MySQL enum. MySQL stores it at index 0 for an invalid value of a server that was
 * not strict.
 */
const mayBeEmpty = ({ hasEmptyEnums }: ValueRules, { kind, labels = [] }: Column): boolean =>
  hasEmptyEnums && kind === "enum" && !labels.includes("");

/**
 * Loads an enum with index 0, which a strict server accepts only from another enum: it is set in the staging table
 * afterwards.
 */
function enumLoader({ engine }: Connection, column: Column, staged: string): ColumnLoader {
  const isEmpty = `${staged}_0`;
  const flag: Column = {
    name: isEmpty,
    kind: "integer",
    native: "tinyint",
    nullable: true,
    generated: false,
    hasDefault: false,
  };
  const decoded = requiring(decoderOf(engine.values, column), column);
  let isUsed = false;
  return {
    staged: [
      { name: staged, column },
      { name: isEmpty, column: flag },
    ],
    columns: [{ column, staged }],
    fill: (cell, row) => {
      if (cell !== "") return void row.push(decoded(valueOf(cell)), null);
      isUsed = true;
      row.push(null, "1");
    },
    settle: (stage) => (isUsed ? engine.dialect.storeEmptyEnum(stage, staged, isEmpty) : []),
  };
}

/** Returns the staging column of a key value; a path is staged as its hash. */
const keyColumn = ({ engine }: Connection, leaf: KeyColumn): Column =>
  isPath(leaf) ? hashColumn(engine.dialect) : leaf.column;

function keyDecoder(rules: ValueRules, leaf: KeyColumn, hasher: PathHasher): (cell: JsonCell) => Cell {
  if (isPath(leaf)) {
    const width = widthOf(leaf.parts);
    return (cell) => (cell === null ? null : hasher.of(cell, width));
  }
  const decoded = decoderOf(rules, leaf.column);
  return (cell) => decoded(valueOf(cell));
}

/** Loads a generic relation: the row names the table among several in which its id is looked up. */
function genericLoader(
  connection: Connection,
  { column, targets }: NonNullable<TargetField> & { readonly kind: "generic" },
  at: number,
  hasher: PathHasher,
): ColumnLoader {
  const rules = connection.engine.values;
  const columns = [{ column, staged: `v${at}` }];
  const links = targets.map(({ target, leaves }, index): StagedForeignKey => ({
    link: target.link,
    columns,
    leaves: leaves.map((leaf, part) => ({ leaf, staged: `g${at}_${index}_${part}` })),
  }));
  const keys = links.flatMap(({ leaves }) => leaves);
  const decoded = decoderOf(rules, column);
  const decoders = links.map(({ leaves }) => leaves.map(({ leaf }) => keyDecoder(rules, leaf, hasher)));
  return {
    staged: [
      { name: `v${at}`, column },
      ...keys.map(({ leaf, staged }) => ({ name: staged, column: keyColumn(connection, leaf) })),
    ],
    columns,
    links,
    fill: (cell, row) => {
      if (!isGeneric(cell)) return void row.push(decoded(valueOf(cell)), ...keys.map(() => null));
      const [table, ...key] = cell.$generic;
      const chosen = targets.findIndex(({ target }) => target.as === table);
      if (chosen < 0)
        throw new HoldfastError("E_IMPORT", `references ${table}, which the export's header does not list`);
      const values = unnest(targets[chosen]?.leaves ?? [], key, 1);
      row.push(null);
      for (const [number, own] of decoders.entries())
        for (const [index, decode] of own.entries()) row.push(number === chosen ? decode(values[index] ?? null) : null);
    },
  };
}

/** Loads the value that the config sets for a column that the export lacks. */
export function addedColumnLoader(connection: Connection, { column, value }: AddedColumn, at: number): ColumnLoader {
  const staged = `d${at}`;
  const given = decoderOf(connection.engine.values, column)(value);
  return {
    staged: [{ name: staged, column }],
    columns: [{ column, staged, onlyNew: true }],
    fill: (_cell, row) => void row.push(given),
  };
}
