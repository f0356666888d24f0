/**
 * Compares rows in the form of this database: a UUID, a time or a boolean is one value here, but may be exported in
 * several textual forms.
 */
import { digestCell, TableDigest } from "../../database/digest/table.ts";
import { HoldfastError } from "../../errors.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { isGeneric, isRaw, valueOf, type JsonCell } from "../rows/nested-key.ts";
import type { Connection } from "../engine/connection.ts";
import type { Decoder, ValueRules } from "../engine/value-rules.ts";
import { decoderOf } from "../values/decode.ts";
import { columnOf, type Column, type Table } from "../schema/tables.ts";
import type { KeyColumn, RowLayout, TableLayout } from "../rows/fields.ts";
import type { LargeRows } from "../rows/find-large-values.ts";
import { isLarge as isLargeCell, type LargeTag } from "../format/large-value.ts";
import { eachLargeLine } from "../export/large-rows.ts";
import { formDigest, LargeForms, writtenDigest } from "./large-forms.ts";
import type { ExportedTable } from "../format/documents.ts";
import { LineEncoder } from "../export/native-rows.ts";
import { fold } from "../schema/names.ts";
import { readRows, type ExportReader } from "../read/export-reader.ts";
import { keyForm, nameOf, tableForm, type ValueForm } from "../export/row-cells.ts";
import type { FieldPlace, TableQuery } from "../rows/select-query.ts";
import { canonical } from "../values/canonical.ts";
import { encode } from "../values/encode.ts";

export interface Comparing {
  readonly from: ExportReader;
  readonly exported: ExportedTable;
  readonly table: Table;
  readonly query: TableQuery;
  readonly counts: (place: FieldPlace) => boolean;
  readonly signal: AbortSignal;
  /** Set if the export or the table has large values: then each value counts by the digest of its form. */
  readonly large?: {
    /** The layout of the table's rows, and of the rows that they reference. */
    readonly own: TableLayout;
    readonly fields: RowLayout;
    readonly rows: LargeRows;
  };
}

/** Checks whether some column holds values exported from another kind. */
export const hasConvertedColumns = ({ places }: TableQuery): boolean =>
  places.some((place) => columnsOf(place).some(({ sourceKind }) => sourceKind !== undefined));

const columnsOf = (place: FieldPlace): Column[] => {
  const inLeaves = (leaves: readonly KeyColumn[]): Column[] =>
    leaves.flatMap(({ column, parts }) => [column, ...inLeaves(parts ?? [])]);
  if (place.kind === "value") return [place.column];
  const places = place.kind === "link" ? place.leaves : place.targets.flatMap(({ leaves }) => leaves);
  return inLeaves(places.map(({ leaf }) => leaf));
};

/** Checks whether the rows of the export, as an import would write them, equal those of the table. */
export async function isSameHere(
  connection: Connection,
  { from, exported, table, query, counts, signal, large }: Comparing,
): Promise<boolean> {
  const { engine } = connection;
  const stored = new LargeForms();
  const read: ReadLarge = (_column, tag) => stored.take(tag);
  const written: ReadLarge = (column, tag) => writtenDigest(engine.values, from.directory, column, tag);
  const isLarge = large !== undefined;
  const here = new RowDigest(table, query, counts, cellOf(formHere, isLarge, read));
  const lines = new LineEncoder(engine, table, query, () => false);
  const line = new ByteWriter();
  for await (const batch of connection.streamBytes(query.sql, query.parameters))
    for (let row = 0; row < batch.rows; row++) {
      line.length = 0;
      lines.encode(batch, row, line);
      here.add(cellsOf(line.toString()));
    }
  if (large !== undefined) {
    const layout = { fields: large.fields, from: large.own, encoder: lines };
    await eachLargeLine(connection, layout, large.rows, (text) => here.add(cellsOf(text.toString())), stored);
  }
  const there = new RowDigest(table, query, counts, cellOf(writtenForm(engine.values), isLarge, written));
  try {
    for await (const batch of readRows(from, exported.table, signal)) for (const { cells } of batch) there.add(cells);
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "E_IMPORT") return false; // an import would reject the value
    throw error;
  }
  return here.finish() === there.finish();
}

const cellsOf = (line: string): readonly JsonCell[] => {
  const cells: unknown = JSON.parse(line);
  return isList(cells) ? cells : [];
};
const isList = (value: unknown): value is readonly JsonCell[] => Array.isArray(value);

const formHere: ValueForm = (column, value) => {
  const form = canonical(column, value)?.toString("latin1") ?? null;
  return column.kind === "uuid" ? (form?.toLowerCase().replaceAll(/[-{}]/g, "") ?? null) : form;
};

/** Returns the digest of the form of a large value. */
type ReadLarge = (column: Column, tag: LargeTag) => string;
type CellForm = (column: Column, cell: JsonCell) => string | null;

/** Returns the form of the cell of a column; its digest if there are large values, which have no other. */
function cellOf(form: ValueForm, hasLarge: boolean, read: ReadLarge): CellForm {
  if (!hasLarge) return (column, cell) => form(column, valueOf(cell));
  return (column, cell) => (isLargeCell(cell) ? read(column, cell) : formDigest(form(column, valueOf(cell))));
}

/** Returns the form that the database would give to an exported value once it is written. */
function writtenForm(rules: ValueRules): ValueForm {
  const decoders = new Map<Column, Decoder>();
  return (column, value) => {
    const decode = decoders.get(column) ?? decoderOf(rules, column);
    decoders.set(column, decode);
    return formHere(column, encode(rules, column, decode(value)));
  };
}

/** The digest of rows given as cells. */
class RowDigest {
  readonly #fields: readonly ((cells: readonly JsonCell[]) => string | null)[];
  readonly #digest: TableDigest;

  constructor(table: Table, { places }: TableQuery, counts: (place: FieldPlace) => boolean, form: CellForm) {
    const counted = places.flatMap((place, at) => (counts(place) ? [{ place, at }] : []));
    this.#digest = new TableDigest(counted.map(({ place }) => ({ name: fold(nameOf(place)) })));
    const fields = counted.map(
      ({ place, at }) =>
        (cells: readonly JsonCell[]) =>
          cellForm(table, place, cells[at] ?? null, form),
    );
    this.#fields = this.#digest.order.flatMap((index) => fields[index] ?? []);
  }

  add(cells: readonly JsonCell[]): void {
    const row = this.#fields.map((form) => digestCell(form(cells))).join("");
    this.#digest.addBytes(Buffer.from(row, "latin1"));
  }

  finish(): string {
    return this.#digest.finish();
  }
}

function cellForm(table: Table, place: FieldPlace, cell: JsonCell, form: CellForm): string | null {
  if (cell === null) return null;
  if (place.kind === "value") return form(place.column, cell);
  if (place.kind === "link") {
    const { columns } = place.field.link;
    if (isRaw(cell))
      return `r${cell.$raw.map((value, at) => digestCell(form(columnOf(table, columns[at] ?? ""), value))).join("")}`;
    return `k${keyForm(leavesOf(place.leaves), cell, 1, form)}`;
  }
  if (!isGeneric(cell)) return form(place.column, cell);
  const [to, ...key] = cell.$generic;
  const leaves = place.targets.find(({ as }) => as === to)?.leaves ?? [];
  return `g${tableForm(to)}:${keyForm(leavesOf(leaves), key, 1, form)}`;
}

const leavesOf = (places: readonly { readonly leaf: KeyColumn }[]): KeyColumn[] => places.map(({ leaf }) => leaf);
