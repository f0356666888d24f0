/** What the cells of an exported row become in a staging table. */
import type { EngineName } from "../../../database/snapshot.ts";
import { HoldfastError } from "../../../errors.ts";
import type { Cell, Connection } from "../../connection.ts";
import { decoderOf, type Decoder } from "../../values/decoders.ts";
import type { KeyColumn } from "../../rows/fields.ts";
import { flatten, isGeneric, isRaw, unnest, valueOf, type JsonCell } from "../../rows/nested-key.ts";
import { isLarge } from "../../format/large-value.ts";
import type { Column, ForeignKey } from "../../schema/tables.ts";
import type { TargetField, AddedColumn } from "../target/types.ts";
import { isPath, widthOf } from "../../rows/tree-path.ts";
import type { Dialect } from "../../engines/shared/dialect.ts";
import { hashColumn, type PathHasher } from "./path-hash.ts";

/** A column of the real table, and the one of the staging table that it comes from. */
export interface StagedColumn {
  readonly column: Column;
  readonly staged: string;
  /** For rows that are new: those that are there keep what they have. */
  readonly onlyNew?: boolean;
}

/** A link whose columns have to be found by the key that it travels as. */
export interface StagedForeignKey {
  readonly link: ForeignKey;
  readonly columns: readonly StagedColumn[];
  readonly leaves: readonly { readonly leaf: KeyColumn; readonly staged: string }[];
}

/** A part of a row. */
export interface ColumnLoader {
  readonly staged: readonly { readonly name: string; readonly column: Column }[];
  readonly columns: readonly StagedColumn[];
  readonly links?: readonly StagedForeignKey[];
  /** Appends a cell for each of `staged`. */
  readonly fill: (cell: JsonCell, row: Cell[]) => void;
  /** Once all rows are loaded: statements that set what no load of a strict server can bring in. */
  readonly settle?: (stage: string) => readonly string[];
}

/** Where NULL is not the wish for a number. */
const mayNotBeNull = ({ nullable, identity }: Column): boolean => !nullable && identity === undefined;

const isNull = (): HoldfastError => new HoldfastError("E_IMPORT", "is NULL, which it may not be here");

/** A server would say which column it is, and not which row. */
function requiring(decoded: Decoder, column: Column): Decoder {
  if (!mayNotBeNull(column)) return decoded;
  return (value) => {
    if (value === null) throw isNull();
    return decoded(value);
  };
}

/** The filler of a field; of one that the database has no place for, nothing. */
export function columnLoader(
  { connection }: Dialect,
  field: TargetField,
  at: number,
  hasher: PathHasher,
): ColumnLoader {
  const { engine } = connection;
  if (field === undefined) return { staged: [], columns: [], fill: () => {} };
  if (field.kind === "value") {
    const staged = `v${at}`;
    if (field.isEnum === true && holdsNoLabel(engine, field.column))
      return enumFiller(connection, field.column, staged);
    const decoded = field.replaced
      ? decoderOf(engine, field.column)
      : requiring(decoderOf(engine, field.column), field.column);
    return {
      staged: [{ name: staged, column: field.column }],
      columns: [{ column: field.column, staged, ...(field.replaced && { onlyNew: true }) }],
      fill: (cell, row) => void row.push(isLarge(cell) ? null : decoded(valueOf(cell))),
    };
  }
  if (field.kind === "generic") return genericFiller(engine, field, at, hasher);
  const columns = field.columns.map((column, index): StagedColumn => ({ column, staged: `v${at}_${index}` }));
  const raw = columns.map(({ column, staged }) => ({ name: staged, column }));
  const decoders = columns.map(({ column }) => decoderOf(engine, column));
  const fillNull = (row: Cell[], count: number): void => {
    for (let index = 0; index < count; index++) row.push(null);
  };
  /** Whether it was a link without a key. */
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
    // The values are those of the columns that are pointed to, in the order of the target's.
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
  const keys = leaves.map(({ leaf }) => keyDecoder(engine, leaf, hasher));
  return {
    staged: [...raw, ...leaves.map(({ leaf, staged }) => ({ name: staged, column: keyColumn(engine, leaf) }))],
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

/** MySQL's enums hold `''` beside their labels, at place 0: what a server that was not strict made of a wrong value. */
const holdsNoLabel = (engine: EngineName, { kind, labels = [] }: Column): boolean =>
  engine !== "sqlite" && engine !== "postgresql" && kind === "enum" && !labels.includes("");

/** A strict server takes place 0 from another enum alone: it is set in the staging table, once all rows are there. */
function enumFiller({ engine, quote }: Connection, column: Column, staged: string): ColumnLoader {
  const isEmpty = `${staged}_0`;
  const flag: Column = {
    name: isEmpty,
    kind: "integer",
    native: "tinyint",
    nullable: true,
    generated: false,
    hasDefault: false,
  };
  const decoded = requiring(decoderOf(engine, column), column);
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
    settle: (stage) =>
      isUsed
        ? [
            "set @holdfast_mode = @@sql_mode, sql_mode = ''",
            `update ${stage} set ${quote(staged)} = '' where ${quote(isEmpty)} = 1`,
            "set sql_mode = @holdfast_mode",
          ]
        : [],
  };
}

/** A path is staged as its hash. */
const keyColumn = (engine: EngineName, leaf: KeyColumn): Column => (isPath(leaf) ? hashColumn(engine) : leaf.column);

function keyDecoder(engine: EngineName, leaf: KeyColumn, hasher: PathHasher): (cell: JsonCell) => Cell {
  if (isPath(leaf)) {
    const width = widthOf(leaf.parts);
    return (cell) => (cell === null ? null : hasher.of(cell, width));
  }
  const decoded = decoderOf(engine, leaf.column);
  return (cell) => decoded(valueOf(cell));
}

/** The number is found in that of several tables which the row names. */
function genericFiller(
  engine: EngineName,
  { column, targets }: NonNullable<TargetField> & { readonly kind: "generic" },
  at: number,
  hasher: PathHasher,
): ColumnLoader {
  const columns = [{ column, staged: `v${at}` }];
  const links = targets.map(({ target, leaves }, number): StagedForeignKey => ({
    link: target.link,
    columns,
    leaves: leaves.map((leaf, index) => ({ leaf, staged: `g${at}_${number}_${index}` })),
  }));
  const keys = links.flatMap(({ leaves }) => leaves);
  const decoded = decoderOf(engine, column);
  const decoders = links.map(({ leaves }) => leaves.map(({ leaf }) => keyDecoder(engine, leaf, hasher)));
  return {
    staged: [
      { name: `v${at}`, column },
      ...keys.map(({ leaf, staged }) => ({ name: staged, column: keyColumn(engine, leaf) })),
    ],
    columns,
    links,
    fill: (cell, row) => {
      if (!isGeneric(cell)) return void row.push(decoded(valueOf(cell)), ...keys.map(() => null));
      const [table, ...key] = cell.$generic;
      const chosen = targets.findIndex(({ target }) => target.as === table);
      if (chosen < 0) throw new HoldfastError("E_IMPORT", `leads to a row of ${table}, which its header does not name`);
      const values = unnest(targets[chosen]?.leaves ?? [], key, 1);
      row.push(null);
      for (const [number, own] of decoders.entries())
        for (const [index, decode] of own.entries()) row.push(number === chosen ? decode(values[index] ?? null) : null);
    },
  };
}

/** What the config gives to a column that the export does not know. */
export function addedColumnLoader({ connection }: Dialect, { column, value }: AddedColumn, at: number): ColumnLoader {
  const staged = `d${at}`;
  const given = decoderOf(connection.engine, column)(value);
  return {
    staged: [{ name: staged, column }],
    columns: [{ column, staged, onlyNew: true }],
    fill: (_cell, row) => void row.push(given),
  };
}
