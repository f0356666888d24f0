/** Reads one value of one row piece by piece: nobody on this side holds more of it. */
import { HoldfastError } from "../../errors.ts";
import { bytesOf } from "../values/encoders.ts";
import { collectEvery } from "../../exec/v8-memory.ts";
import type { Connection, Row } from "../connection.ts";
import type { Table } from "../schema/tables.ts";
import { rowsOf } from "../schema/sql-names.ts";
import type { LargeRow } from "./find-large-values.ts";
import type { LargeValue } from "../format/large-value.ts";

/** Of PostgreSQL, whose answer comes as it is made. */
const STREAMED = 256 * 1024;
/** Of a question of its own. */
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
  let size = 0;
  const pass = collectEvery(COLLECT_EVERY);
  const pieces = connection.engine === "postgresql" ? streamed : connection.engine === "sqlite" ? asked : held;
  for await (const piece of pieces(connection, table, row, value)) {
    size += piece.length;
    yield piece;
    pass(piece.length);
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

/** SQLite has the whole value in memory for every piece of it, so that there are few. */
async function* asked(
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
    Math.max(ASKED, Math.ceil(bytes / 8)),
    async (start, size) => await connection.rows(`select substr(${piece}, ${start}, ${size}) ${from}`, at.parameters),
  );
}

/** The server reads the value once, into a variable of the session; one that has no room there for each piece. */
async function* held(
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
  yield* eachPiece(bytes, Math.min(ASKED, Math.floor(Number(about?.[1]) / 2)), async (start, size) =>
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
