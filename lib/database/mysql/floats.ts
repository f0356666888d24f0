/**
 * The rows of tables with FLOAT columns. The server prints six digits of a FLOAT, and the dump programs write what it
 * prints; a FLOAT needs up to nine. So these tables are dumped without their rows, which are read here with FLOAT as
 * DOUBLE, and written as the programs do it.
 */
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { HoldfastError } from "../../errors.ts";
import { cellExpression, columnsOf, KINDS, type MysqlColumn } from "./columns.ts";
import { quoteMysql } from "./names.ts";
import type { MysqlSession } from "./session.ts";
import { fromTable, type MysqlTable } from "./tables.ts";

const STATEMENT_BYTES = 1 << 20;
const BUFFER_BYTES = 4 << 20;

const BEGIN = `
SET @HOLDFAST_CHARACTERS=@@CHARACTER_SET_CLIENT, @HOLDFAST_COLLATION=@@COLLATION_CONNECTION, @HOLDFAST_TIME_ZONE=@@TIME_ZONE;
SET @HOLDFAST_UNIQUE_CHECKS=@@UNIQUE_CHECKS, @HOLDFAST_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, @HOLDFAST_SQL_MODE=@@SQL_MODE;
SET NAMES utf8mb4;
SET TIME_ZONE='+00:00', UNIQUE_CHECKS=0, FOREIGN_KEY_CHECKS=0, SQL_MODE='NO_AUTO_VALUE_ON_ZERO';
`;
const END = `
SET SQL_MODE=@HOLDFAST_SQL_MODE, FOREIGN_KEY_CHECKS=@HOLDFAST_FOREIGN_KEY_CHECKS, UNIQUE_CHECKS=@HOLDFAST_UNIQUE_CHECKS;
SET TIME_ZONE=@HOLDFAST_TIME_ZONE, CHARACTER_SET_CLIENT=@HOLDFAST_CHARACTERS, COLLATION_CONNECTION=@HOLDFAST_COLLATION;

`;
const HISTORY = `/*!101100 SET @holdfast_history=@@session.system_versioning_insert_history, @@session.system_versioning_insert_history=1 */;\n`;
const HISTORY_END = `/*!101100 SET system_versioning_insert_history=@holdfast_history */;\n`;

/** Yields a part of a dump: the rows of these tables, as the session's transaction sees them. Throws `E_DATABASE`. */
export async function* dumpRows(session: MysqlSession, tables: readonly MysqlTable[]): AsyncGenerator<Buffer> {
  yield Buffer.from(BEGIN);
  for (const table of tables) {
    const name = quoteMysql(table.key);
    yield Buffer.from(`\n--\n-- Dumping data for table ${name.replaceAll("\n", " ")}, FLOAT by all digits\n--\n\n`);
    yield Buffer.from(`${table.withHistory ? HISTORY : ""}/*!40000 ALTER TABLE ${name} DISABLE KEYS */;\n`);
    yield* insertsOf(session, table);
    yield Buffer.from(`/*!40000 ALTER TABLE ${name} ENABLE KEYS */;\n`);
    if (table.withHistory) yield Buffer.from(HISTORY_END);
  }
  yield Buffer.from(END);
}

async function* insertsOf(session: MysqlSession, table: MysqlTable): AsyncGenerator<Buffer> {
  const period = table.withHistory ? table.period.map((name) => ({ name, type: "timestamp" })) : [];
  const columns = [...(await columnsOf(session, table.key)), ...period];
  const cells = columns.map((column, index) => `${cellExpression(column)} as c${index}`).join(", ");
  const names = columns.map(({ name }) => quoteMysql(name)).join(", ");
  const output = new PassThrough({ highWaterMark: BUFFER_BYTES });
  let statement = 0;
  const write = (row: string): void => {
    output.write(`${statement === 0 ? `INSERT INTO ${quoteMysql(table.key)} (${names}) VALUES\n` : ",\n"}${row}`);
    statement += row.length;
    if (statement < STATEMENT_BYTES) return;
    output.write(";\n");
    statement = 0;
  };
  const read = session.rows(
    `select ${cells} from ${fromTable(table)}`,
    (row) => write(`(${row.map((cell, index) => literalOf(columns[index], cell, table.key)).join(",")})`),
    async () => (output.writableNeedDrain ? await once(output, "drain") : undefined),
  );
  read.then(
    () => output.end(statement === 0 ? "" : ";\n"),
    (error: unknown) => output.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  yield* output;
  await read;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\n": "\\n",
  "\r": "\\r",
  "'": "\\'",
  "\\": "\\\\",
};

/** A value as the dump programs write it with --hex-blob. */
function literalOf(column: MysqlColumn | undefined, cell: string | null, table: string): string {
  if (column === undefined || cell === null)
    throw new HoldfastError(
      "E_DUMP",
      `a value of ${table}.${column?.name} is larger than the server can print in hexadecimal`,
      {
        hint: "raise max_allowed_packet of the server to more than twice the largest value",
      },
    );
  if (cell === "-") return "NULL";
  const kind = KINDS[column.type];
  if (kind === "bytes") return cell === "" ? "''" : `0x${cell}`;
  const value = Buffer.from(cell, "hex").toString();
  if (kind === "number" || kind === "single") return value;
  return `'${value.replaceAll(/[\0\n\r'\\]/g, (character) => ESCAPES[character] ?? character)}'`;
}
