/** Large values in SQLite, which reads and writes each of them whole. */
import type { LargeValues, LargeWriter, RowSelection } from "../../engine/large-values.ts";
import type { Session } from "../../engine/session.ts";
import type { LargeValue } from "../../format/large-value.ts";
import type { Table } from "../../schema/tables.ts";
import { QUERY_PIECE, readPieces } from "../shared/read-pieces.ts";
import { dialect } from "./dialect.ts";

export const large: LargeValues = {
  longColumns: async (session, columns, limit) => {
    // In a UTF-16 database, the length of a text would be that of its UTF-16 form.
    const types = (await isUtf8(session)) ? "'blob', 'text'" : "'blob'";
    return columns.map((column) => {
      const name = `t.${dialect.quote(column.name)}`;
      const [type, length] = [`typeof(${name})`, `octet_length(${name})`];
      return { column, length, type, test: `${type} in (${types}) and ${length} > ${limit}` };
    });
  },
  areAllShort: async () => false,
  locator: (table) => {
    const rowid = rowidOf(table);
    if (rowid === undefined) return undefined;
    return {
      columns: [`t.${rowid}`],
      condition: ([row = null]) => ({ sql: `t.${rowid} = ?`, parameters: [row] }),
    };
  },
  isSame: "is",
  read,
  readHint: undefined,
  // SQLITE_MAX_LENGTH: https://sqlite.org/limits.html
  limit: async () => ({ bytes: 1_000_000_000, of: "SQLite" }),
  writer: async (session) => await wholeWriter(session),
};

const isUtf8 = async (session: Session): Promise<boolean> =>
  String((await session.rows("pragma encoding"))[0]?.[0]) === "UTF-8";

/** Returns the name by which a table's rowid can be read. */
const rowidOf = ({ notes, columns }: Table): string | undefined =>
  notes.includes("WITHOUT ROWID")
    ? undefined
    : ["rowid", "_rowid_", "oid"].find((name) => !columns.some((column) => column.name.toLowerCase() === name));

/** Reads few, large pieces: SQLite loads the whole value for each of them. */
async function* read(
  session: Session,
  table: string,
  { at, limit }: RowSelection,
  { column, is, bytes }: LargeValue,
): AsyncGenerator<Buffer> {
  const name = `t.${session.quote(column.name)}`;
  const piece = is === "bytes" ? name : `cast(${name} as blob)`;
  yield* readPieces(
    bytes,
    Math.max(QUERY_PIECE, Math.ceil(bytes / 8)),
    async (start, size) =>
      await session.rows(
        `select substr(${piece}, ${start}, ${size}) from ${table} as t where ${at.sql}${limit}`,
        at.parameters,
      ),
  );
}

/** Binds each value as a whole. A cast to text would read the bytes as UTF-16 in a UTF-16 database. */
async function wholeWriter(session: Session): Promise<LargeWriter> {
  const canCast = await isUtf8(session);
  return {
    async write({ table, staged, row, is, bytes }, pieces) {
      const whole = Buffer.allocUnsafeSlow(bytes);
      let size = 0;
      for (const piece of pieces) size += piece.copy(whole, size);
      const isText = is === "text";
      await session.run(
        `update ${table} set ${dialect.quote(staged)} = ${isText && canCast ? "cast(? as text)" : "?"} where ${row}`,
        [isText && !canCast ? whole.toString() : whole],
      );
      return true;
    },
    close: async () => {},
  };
}
