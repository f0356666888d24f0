/** Reads one value of one row in pieces, so that this process never holds the whole value. */
import { HoldfastError } from "../../errors.ts";
import { collectEvery } from "../../exec/v8-memory.ts";
import type { Connection } from "../engine/connection.ts";
import type { Table } from "../schema/tables.ts";
import { rowsOf } from "../engine/sql-names.ts";
import type { LargeRow } from "./find-large-values.ts";
import type { LargeValue } from "../format/large-value.ts";

/** The bytes read between two garbage collections: pieces are large and short-lived. */
const COLLECT_EVERY = 16 * 1024 * 1024;

/** Streams the bytes of a value; text as UTF-8. Throws `E_DATABASE` if their count differs from the expected size. */
export async function* readLarge(
  connection: Connection,
  table: Table,
  row: LargeRow,
  value: LargeValue,
): AsyncGenerator<Buffer> {
  let size = 0;
  const pass = collectEvery(COLLECT_EVERY);
  const { large } = connection.engine;
  for await (const piece of large.read(connection, rowsOf(connection, table), row, value)) {
    size += piece.length;
    yield piece;
    pass(piece.length);
  }
  if (size !== value.bytes)
    throw new HoldfastError(
      "E_DATABASE",
      `${table.id}.${value.column.name} of row ${row.name}: expected ${value.bytes} bytes, received ${size}`,
      large.readHint === undefined ? {} : { hint: large.readHint },
    );
}
