/** Table digests of PostgreSQL: every row by COPY through the session that holds the snapshot. */
import * as z from "zod";
import { canonicalCell, type ValueKind } from "../digest/canonical.ts";
import { TableDigest } from "../digest/table.ts";
import { qualified, quoteName, type Relation } from "./relations.ts";
import type { PostgresSession } from "./session.ts";

const columnSchema = z.object({ name: z.string(), type: z.string() });

const KINDS: Readonly<Record<string, ValueKind>> = {
  int2: "number",
  int4: "number",
  int8: "number",
  oid: "number",
  numeric: "number",
  float8: "number",
  float4: "single",
  bool: "number",
  bytea: "bytes",
  date: "time",
  time: "time",
  timestamp: "time",
  timestamptz: "time",
  json: "json",
  jsonb: "json",
};

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** The digest of one relation, its partitions with it. Columns that the database generates are left out. */
export async function digestPostgres(
  session: PostgresSession,
  relation: Pick<Relation, "schema" | "name" | "kind">,
): Promise<string> {
  const from = qualified(relation);
  const ascii = session.opened.encoding === "SQL_ASCII";
  const rows = await session.query(`
    select a.attname as name, t.typname as type from pg_catalog.pg_attribute a
      left join pg_catalog.pg_type own on own.oid = a.atttypid
      join pg_catalog.pg_type t on t.oid = case when own.typtype = 'd' then own.typbasetype else own.oid end
    where a.attrelid = ${literal(from)}::regclass and a.attnum > 0 and not a.attisdropped
      and coalesce(to_jsonb(a) ->> 'attgenerated', '') = '' order by a.attnum`);
  const columns = rows.map((row) => columnSchema.parse(row));
  const kinds = columns.map(({ type }) => KINDS[type] ?? "text");
  const digest = new TableDigest(columns);
  const cells = columns.map(({ name, type }) => expressionOf(quoteName(name), type, ascii)).join(", ");
  const only = relation.kind === "p" ? "" : "only ";
  await session.lines(`copy (select ${cells} from ${only}${from}) to stdout;\n`, (line) => {
    digest.add(
      columns.length === 0
        ? []
        : line
            .split("\t")
            .map((cell, index) => (cell === "\\N" ? null : cellOf(kinds[index] ?? "text", unescape(cell), ascii))),
    );
  });
  return digest.finish();
}

function expressionOf(column: string, type: string, ascii: boolean): string {
  if (type === "bool") return `${column}::int`;
  if (type === "bytea") return `encode(${column}, 'hex')`;
  if (type === "float4") return `${column}::float8`;
  if (ascii && KINDS[type] === undefined) return `encode(convert_to(${column}::text, 'SQL_ASCII'), 'hex')`;
  return `${column}::text`; // which takes the blanks off a char(n)
}

/** The text of an SQL_ASCII database may be of any bytes, and comes in hexadecimal. */
function cellOf(kind: ValueKind, text: string, ascii: boolean): Buffer {
  if (ascii && kind === "text") return Buffer.concat([Buffer.from("t"), Buffer.from(text, "hex")]);
  return canonicalCell(kind, text);
}

const ESCAPES: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** COPY's text format: https://www.postgresql.org/docs/current/sql-copy.html */
const unescape = (cell: string): string =>
  cell.includes("\\") ? cell.replaceAll(/\\(.)/gs, (_all, character: string) => ESCAPES[character] ?? character) : cell;
