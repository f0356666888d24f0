/** Large values in PostgreSQL. */
import type { LargeCell, LargeValues, LongColumn, RowSelection } from "../../engine/large-values.ts";
import type { Session } from "../../engine/session.ts";
import { tableName } from "../../engine/sql-names.ts";
import type { LargeValue } from "../../format/large-value.ts";
import type { Column, Table } from "../../schema/tables.ts";
import { longBytes, mayBeLongText } from "../shared/long-columns.ts";
import { pieceWriter } from "../shared/piece-table.ts";
import { dialect } from "./dialect.ts";
import { values } from "./values.ts";

/**
 * The most by which a value grows from its stored form to text: it may be compressed, and have every character escaped.
 */
const MAX_TEXT_EXPANSION = 2048;
/** The size from which a value is always moved out of its row; a shorter one may be compressed enough to stay. */
const TOASTED = 4 * 1024 * 1024;
/** The size of a piece that the server cuts off a value. */
const PIECE = 256 * 1024;

export const large: LargeValues = {
  longColumns: async (_session, columns, limit) => columns.flatMap((column) => longColumn(column, limit)),
  areAllShort,
  locator: () => ({
    columns: ["t.tableoid", "t.ctid"],
    condition: ([table, row]) => ({
      sql: `t.tableoid = '${String(table)}' and t.ctid = '${String(row)}'`,
      parameters: [],
    }),
  }),
  isSame: "is not distinct from",
  read,
  readHint: undefined,
  // Less than 1 GiB with its length: https://www.postgresql.org/docs/current/limits.html
  limit: async () => ({ bytes: 2 ** 30 - 5, of: "PostgreSQL" }),
  writer: async (session) =>
    await pieceWriter(session, dialect, {
      type: "bytea",
      join: "string_agg(piece, ''::bytea order by n)",
      text: castText,
    }),
};

function longColumn(column: Column, limit: number): LongColumn[] {
  const name = `t.${dialect.quote(column.name)}`;
  if (column.kind === "bytes") return longBytes(column, name, limit);
  if (!mayBeLongText(column, limit)) return [];
  const mayBeLong = `pg_column_size(${name}) > ${Math.floor(limit / MAX_TEXT_EXPANSION)}`;
  return [
    {
      column,
      length: `octet_length(convert_to(${name}::text, 'UTF8'))`,
      type: "'text'",
      test: `case when ${mayBeLong} then octet_length(${name}::text) > ${limit} else false end`,
    },
  ];
}

/** Checks whether a table has no long values: they would be in its TOAST table, which is empty. */
async function areAllShort(session: Session, table: Table, limit: number): Promise<boolean> {
  if (table.partitioned === true || limit < TOASTED) return false;
  const name = tableName(session, table).replaceAll("'", "''");
  const [row] = await session.rows(
    `select coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0) from pg_class where oid = '${name}'::regclass`,
  );
  return Number(row?.[0]) === 0;
}

/** Computes the value once, which `offset 0` ensures, and lets the server cut it into pieces. */
async function* read(
  session: Session,
  from: string,
  { at }: RowSelection,
  { column, is }: LargeValue,
): AsyncGenerator<Buffer> {
  const name = `t.${session.quote(column.name)}`;
  const bytes = is === "bytes" ? `${name} || ''::bytea` : `convert_to(${name}::text, 'UTF8')`;
  const whole = `select ${bytes} as b from ${from} as t where ${at.sql} offset 0`;
  const series = `generate_series(1, octet_length(v.b), ${PIECE})`;
  const sql = `select substring(v.b from g for ${PIECE}) from (${whole}) as v cross join lateral ${series} as g`;
  for await (const batch of session.streamBytes(sql, at.parameters))
    for (let row = 0; row < batch.rows; row++) {
      const piece = values.bytesOf(batch.cell(row));
      if (Buffer.isBuffer(piece)) yield piece;
    }
}

/** Casts bytes to the column's type, except to `text`: a cast to a limited length truncates silently. */
const castText = ({ column: { kind, native } }: LargeCell, bytes: string): string =>
  `convert_from(${bytes}, 'UTF8')${kind === "text" ? "" : `::${native}`}`;
