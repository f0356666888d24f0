/** Reads one value of one row in pieces, so that this process never holds the whole value. */
import { HoldfastError } from "../../errors.ts";
import { bytesOf } from "../values/encoders.ts";
import { collectEvery } from "../../exec/v8-memory.ts";
import type { Connection, Row } from "../connection.ts";
import type { Table } from "../schema/tables.ts";
import { rowsOf } from "../schema/sql-names.ts";
import type { LargeRow } from "./find-large-values.ts";
import type { LargeValue } from "../format/large-value.ts";

/** The piece size for PostgreSQL, which streams its result. */
const STREAM_PIECE = 256 * 1024;
/** The piece size for engines that run one query per piece. */
const QUERY_PIECE = 8 * 1024 * 1024;
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
  const pieces =
    connection.engine === "postgresql" ? streamPostgres : connection.engine === "sqlite" ? querySqlite : queryMysql;
  for await (const piece of pieces(connection, table, row, value)) {
    size += piece.length;
    yield piece;
    pass(piece.length);
  }
  if (size !== value.bytes)
    throw new HoldfastError(
      "E_DATABASE",
      `${table.id}.${value.column.name} of row ${row.name}: expected ${value.bytes} bytes, received ${size}`,
      connection.engine === "postgresql" || connection.engine === "sqlite"
        ? {}
        : { hint: "increase max_allowed_packet on the server" },
    );
}

/** Computes the value once, which `offset 0` ensures, and lets the server cut it into pieces. */
async function* streamPostgres(
  connection: Connection,
  table: Table,
  { at }: LargeRow,
  { column, is }: LargeValue,
): AsyncGenerator<Buffer> {
  const name = `t.${connection.quote(column.name)}`;
  const bytes = is === "bytes" ? `${name} || ''::bytea` : `convert_to(${name}::text, 'UTF8')`;
  const whole = `select ${bytes} as b from ${rowsOf(connection, table)} as t where ${at.sql} offset 0`;
  const series = `generate_series(1, octet_length(v.b), ${STREAM_PIECE})`;
  const sql = `select substring(v.b from g for ${STREAM_PIECE}) from (${whole}) as v cross join lateral ${series} as g`;
  for await (const batch of connection.streamBytes(sql, at.parameters))
    for (const [cell = null] of batch) {
      const piece = bytesOf(cell);
      if (Buffer.isBuffer(piece)) yield piece;
    }
}

/** Reads few, large pieces: SQLite loads the whole value for each of them. */
async function* querySqlite(
  connection: Connection,
  table: Table,
  { at, limit }: LargeRow,
  { column, is, bytes }: LargeValue,
): AsyncGenerator<Buffer> {
  const name = `t.${connection.quote(column.name)}`;
  const from = `from ${rowsOf(connection, table)} as t where ${at.sql}${limit}`;
  const piece = is === "bytes" ? name : `cast(${name} as blob)`;
  yield* eachPiece(
    bytes,
    Math.max(QUERY_PIECE, Math.ceil(bytes / 8)),
    async (start, size) => await connection.rows(`select substr(${piece}, ${start}, ${size}) ${from}`, at.parameters),
  );
}

/** Reads the value once, into a session variable; if it does not fit there, reads each piece from the row. */
async function* queryMysql(
  connection: Connection,
  table: Table,
  { at, limit }: LargeRow,
  { column, is, bytes }: LargeValue,
): AsyncGenerator<Buffer> {
  const name = `t.${connection.quote(column.name)}`;
  const whole = is === "bytes" ? name : `cast(convert(${name} using utf8mb4) as binary)`;
  const from = `from ${rowsOf(connection, table)} as t where ${at.sql}${limit}`;
  await connection.run(`set @holdfast_value = (select ${whole} ${from})`, at.parameters);
  const [about] = await connection.rows("select octet_length(@holdfast_value), @@max_allowed_packet");
  const isHeld = Number(about?.[0]) === bytes;
  yield* eachPiece(bytes, Math.min(QUERY_PIECE, Math.floor(Number(about?.[1]) / 2)), async (start, size) =>
    isHeld
      ? await connection.rows(`select substring(@holdfast_value, ${start}, ${size})`)
      : await connection.rows(`select substring(${whole}, ${start}, ${size}) ${from}`, at.parameters),
  );
  await connection.run("set @holdfast_value = null");
}

async function* eachPiece(
  bytes: number,
  size: number,
  ask: (start: number, size: number) => Promise<readonly Row[]>,
): AsyncGenerator<Buffer> {
  for (let start = 1; start <= bytes; start += size) {
    const piece = (await ask(start, size))[0]?.[0];
    if (!Buffer.isBuffer(piece)) return;
    yield piece;
  }
}
