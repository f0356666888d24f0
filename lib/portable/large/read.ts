/** Reads one value of one row piece by piece: nobody on this side holds more of it. */
import { HoldfastError } from "../../errors.ts";
import { bytesOf } from "../encoders.ts";
import { collectGarbage } from "../collect-garbage.ts";
import type { Connection } from "../connection.ts";
import type { Table } from "../schema.ts";
import { rowsOf } from "../select.ts";
import type { LargeRow, LargeValue } from "./find.ts";

/** Of PostgreSQL, whose answer comes as it is made. */
const STREAMED = 256 * 1024;
/** Of a question of its own, for which the server takes the whole value into its hands. */
const ASKED = 8 * 1024 * 1024;
/** Read between two collections of garbage: pieces are large, and die at once. */
const COLLECT_EVERY = 16 * 1024 * 1024;

/** The bytes of a value, of a text those of its UTF-8. Throws `E_DATABASE` when they are not as many as they should be. */
export async function* readLarge(
  connection: Connection,
  table: Table,
  row: LargeRow,
  value: LargeValue,
): AsyncGenerator<Buffer> {
  let [size, uncollected] = [0, 0];
  const pieces = connection.engine === "postgresql" ? streamed : asked;
  for await (const piece of pieces(connection, table, row, value)) {
    size += piece.length;
    uncollected += piece.length;
    yield piece;
    if (uncollected < COLLECT_EVERY) continue;
    uncollected = 0;
    collectGarbage();
  }
  if (size !== value.bytes)
    throw new HoldfastError(
      "E_DATABASE",
      `${table.id}.${value.column.name} of row ${row.name} has ${value.bytes} bytes, of which the database gave ${size}`,
      connection.engine === "postgresql" || connection.engine === "sqlite"
        ? {}
        : { hint: "the server's max_allowed_packet may be too small for it" },
    );
}

/** The value is made once, `offset 0` sees to that, and cut by the server. */
async function* streamed(
  connection: Connection,
  table: Table,
  { at }: LargeRow,
  { column, is }: LargeValue,
): AsyncGenerator<Buffer> {
  const name = `t.${connection.quote(column.name)}`;
  const bytes = is === "bytes" ? `${name} || ''::bytea` : `convert_to(${name}::text, 'UTF8')`;
  const whole = `select ${bytes} as b from ${rowsOf(connection, table)} as t where ${at.sql} offset 0`;
  const sql = `select substring(v.b from g for ${STREAMED}) from (${whole}) as v cross join lateral generate_series(1, octet_length(v.b), ${STREAMED}) as g`;
  for await (const batch of connection.streamBytes(sql, at.parameters))
    for (const [cell = null] of batch) {
      const piece = bytesOf(cell);
      if (Buffer.isBuffer(piece)) yield piece;
    }
}

async function* asked(
  connection: Connection,
  table: Table,
  { at, limit }: LargeRow,
  { column, is, bytes }: LargeValue,
): AsyncGenerator<Buffer> {
  const isSqlite = connection.engine === "sqlite";
  const name = `t.${connection.quote(column.name)}`;
  const whole =
    is === "bytes" ? name : isSqlite ? `cast(${name} as blob)` : `cast(convert(${name} using utf8mb4) as binary)`;
  const [packet] = isSqlite ? [] : await connection.rows("select @@max_allowed_packet");
  const size = Math.min(ASKED, Math.floor(Number(packet?.[0] ?? 2 * ASKED) / 2));
  for (let from = 1; from <= bytes; from += size) {
    const sql = `select ${isSqlite ? "substr" : "substring"}(${whole}, ${from}, ${size}) from ${rowsOf(connection, table)} as t where ${at.sql}${limit}`;
    const [row] = await connection.rows(sql, at.parameters);
    const piece = row?.[0];
    if (!Buffer.isBuffer(piece)) return;
    yield piece;
  }
}
