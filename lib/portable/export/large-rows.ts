/** Exports rows with large values, with the same digest as if the values were in their rows. */
import type { Hash } from "node:crypto";
import { HoldfastError } from "../../errors.ts";
import { CellBatch } from "../engine/cell-batch.ts";
import type { Connection } from "../engine/connection.ts";
import type { RowLayout, TableLayout } from "../rows/fields.ts";
import type { BlobCell, LineEncoder } from "./native-rows.ts";
import { selectTable } from "../rows/select-query.ts";
import { Utf8Check } from "../values/utf8.ts";
import type { LargeRow, LargeRows } from "../rows/find-large-values.ts";
import type { LargeValue, LargeTag } from "../format/large-value.ts";
import { formOf } from "../values/large-canonical-form.ts";
import { readLarge } from "../rows/read-large-value.ts";

/** Takes large values, one after the other; `finish` returns the name for the tag in the row. */
export interface LargeSink {
  begin(value: LargeValue, where: string): { add(piece: Buffer): void; finish(): string; abandon(): void };
}

/**
 * Passes each line to `take`, in the order of the rows. Values are written to `blobs`; without it, they are read for
 * the digest alone.
 */
export async function eachLargeLine(
  connection: Connection,
  { fields, from, encoder }: { readonly fields: RowLayout; readonly from: TableLayout; readonly encoder: LineEncoder },
  { rows }: LargeRows,
  take: (line: Buffer) => Promise<void> | void,
  blobs?: LargeSink,
): Promise<void> {
  for (const row of rows) {
    const apart = new Map(
      row.values.map((value): [string, BlobCell] => [
        value.column.name,
        { read: async (hash) => await readCell(connection, from, { row, value, hash, blobs }) },
      ]),
    );
    const query = selectTable(connection, fields, from, row.at, new Set(apart.keys()));
    let found: CellBatch | undefined;
    for await (const batch of connection.streamBytes(`${query.sql}${row.limit}`, query.parameters))
      if (batch.rows > 0) found ??= CellBatch.of([batch.row(0)]);
    if (found === undefined)
      throw new HoldfastError("E_DATABASE", `${from.table.id}: row ${row.name} was found, but could not be read again`);
    await take(await encoder.encodeWithBlobs(found, apart));
  }
}

interface Reading {
  readonly row: LargeRow;
  readonly value: LargeValue;
  /** Receives the canonical form; undefined if the value counts in no digest. */
  readonly hash: Hash | undefined;
  readonly blobs: LargeSink | undefined;
}

async function readCell(
  connection: Connection,
  { table }: TableLayout,
  { row, value, hash, blobs }: Reading,
): Promise<LargeTag | null> {
  const { column, bytes, is } = value;
  const own = column.kind === "bytes" ? "bytes" : "text";
  if (hash === undefined && blobs === undefined) return null;
  const where = `${table.id}.${column.name} of row ${row.name}`;
  const form = hash && formOf(value, where, hash);
  const check = is === "text" && connection.engine.values.hasInvalidText ? new Utf8Check() : undefined;
  const draft = blobs?.begin(value, where);
  try {
    for await (const piece of readLarge(connection, table, row, value)) {
      draft?.add(piece);
      form?.add(piece);
      check?.add(piece);
    }
  } catch (error) {
    draft?.abandon();
    throw error;
  }
  if (check?.isValid === false)
    throw new HoldfastError("E_IMPORT", `${table.id}.${column.name}: the text in row ${row.name} is not valid UTF-8`, {
      hint: "correct it, or convert it to a BLOB: cast(… as blob)",
    });
  form?.finish();
  const sha256 = draft?.finish();
  return sha256 === undefined ? null : { $: "blob", sha256, bytes, ...(is !== own && { as: is }) };
}
