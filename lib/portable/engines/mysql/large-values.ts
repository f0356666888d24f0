/** Large values in MySQL and MariaDB: none may be longer than a packet. */
import type { LargeValues, LongColumn, RowSelection } from "../../engine/large-values.ts";
import type { Session } from "../../engine/session.ts";
import type { LargeValue } from "../../format/large-value.ts";
import type { Column } from "../../schema/tables.ts";
import { longBytes, mayBeLongText } from "../shared/long-columns.ts";
import { pieceWriter } from "../shared/piece-table.ts";
import { QUERY_PIECE, readPieces } from "../shared/read-pieces.ts";
import { dialect } from "./dialect.ts";

export const large: LargeValues = {
  longColumns: async (_session, columns, limit) => columns.flatMap((column) => longColumn(column, limit)),
  areAllShort: async () => false,
  locator: () => undefined,
  isSame: "<=>",
  read,
  readHint: "increase max_allowed_packet on the server",
  limit: async (session) => {
    const [row] = await session.rows("select @@max_allowed_packet");
    return { bytes: Number(row?.[0]), of: "this server's max_allowed_packet" };
  },
  writer: async (session) => {
    await session.run("set session group_concat_max_len = @@max_allowed_packet");
    return await pieceWriter(session, dialect, {
      type: "longblob",
      join: "group_concat(piece order by n separator '')",
      text: (_cell, bytes) => `convert(${bytes} using utf8mb4)`,
    });
  },
};

function longColumn(column: Column, limit: number): LongColumn[] {
  const name = `t.${dialect.quote(column.name)}`;
  if (column.kind === "bytes") return longBytes(column, name, limit);
  if (!mayBeLongText(column, limit) || (column.kind !== "text" && column.kind !== "json")) return [];
  // The server cannot convert a text that is longer than a packet.
  const length = `coalesce(octet_length(convert(${name} using utf8mb4)), octet_length(${name}))`;
  const test = `case when octet_length(${name}) > ${Math.floor(limit / 4)} then ${length} > ${limit} else 1 = 0 end`;
  return [{ column, length, type: "'text'", test }];
}

/** Reads the value once, into a session variable; if it does not fit there, reads each piece from the row. */
async function* read(
  session: Session,
  table: string,
  { at, limit }: RowSelection,
  { column, is, bytes }: LargeValue,
): AsyncGenerator<Buffer> {
  const name = `t.${session.quote(column.name)}`;
  const whole = is === "bytes" ? name : `cast(convert(${name} using utf8mb4) as binary)`;
  const from = `from ${table} as t where ${at.sql}${limit}`;
  await session.run(`set @holdfast_value = (select ${whole} ${from})`, at.parameters);
  const [about] = await session.rows("select octet_length(@holdfast_value), @@max_allowed_packet");
  const isHeld = Number(about?.[0]) === bytes;
  yield* readPieces(bytes, Math.min(QUERY_PIECE, Math.floor(Number(about?.[1]) / 2)), async (start, size) =>
    isHeld
      ? await session.rows(`select substring(@holdfast_value, ${start}, ${size})`)
      : await session.rows(`select substring(${whole}, ${start}, ${size}) ${from}`, at.parameters),
  );
  await session.run("set @holdfast_value = null");
}
