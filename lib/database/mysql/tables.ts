/** The tables of a MySQL or MariaDB database, and what of them a plain dump would lose. */
import type { EstimatedTable } from "../row-counts.ts";
import { quoteMysql } from "./names.ts";
import type { MysqlSession } from "./session.ts";

export interface MysqlTable extends EstimatedTable {
  readonly engine: string;
  /** MariaDB's WITH SYSTEM VERSIONING. */
  readonly versioned: boolean;
  /** The columns of a versioned table that say from when to when a row was valid. */
  readonly period: readonly string[];
  /** The past versions are numbered by transactions, not by times. */
  readonly byTransaction: boolean;
  /** Past versions of rows count as rows. */
  readonly withHistory: boolean;
  /** Names of its FLOAT columns: the server prints six of their digits. */
  readonly floats: readonly string[];
}

const TABLES = `select table_name as name, engine as engine, coalesce(table_rows, 0) as estimate, table_type as kind
  from information_schema.tables
  where table_schema = database() and table_type in ('BASE TABLE', 'SYSTEM VERSIONED') order by table_name`;
const COLUMNS = `select table_name as name, column_name as col, data_type as type, extra as extra, generation_expression as source
  from information_schema.columns where table_schema = database()
    and (data_type = 'float' or generation_expression in ('ROW START', 'ROW END')) order by table_name, ordinal_position`;

/** Returns the base tables of the session's database. */
export async function readTables(
  session: MysqlSession,
  { withHistory }: { readonly withHistory: boolean } = { withHistory: false },
): Promise<MysqlTable[]> {
  const tables = await session.run(TABLES);
  if (tables.length === 0) return [];
  const columns = await session.run(COLUMNS);
  return tables.map(({ name, engine, estimate, kind }) => {
    const own = columns.filter((column) => column.name === name);
    const period = own.filter(({ source }) => source === "ROW START" || source === "ROW END");
    const versioned = kind === "SYSTEM VERSIONED";
    return {
      key: name ?? "",
      engine: engine ?? "unknown",
      estimate: Number(estimate),
      versioned,
      period: !versioned ? [] : period.length > 0 ? period.map(({ col }) => col ?? "") : ["row_start", "row_end"],
      byTransaction: period.some(({ type }) => type === "bigint"),
      withHistory: versioned && withHistory,
      floats: own.filter(({ type, extra }) => type === "float" && !isGenerated(extra)).map(({ col }) => col ?? ""),
    };
  });
}

/** Checks whether the database of the session has sequences, which MySQL does not know. */
export async function hasSequences(session: MysqlSession): Promise<boolean> {
  const [row] = await session.run(
    "select count(*) as n from information_schema.tables where table_schema = database() and table_type = 'SEQUENCE'",
  );
  return Number(row?.n) > 0;
}

/** Checks by `extra` of the catalogue whether the database computes a column. */
export const isGenerated = (extra: string | null | undefined): boolean =>
  /GENERATED/i.test((extra ?? "").replace(/DEFAULT_GENERATED/i, ""));

/** A table in FROM. */
export const fromTable = ({ key, withHistory }: Pick<MysqlTable, "key" | "withHistory">): string =>
  `${quoteMysql(key)}${withHistory ? " for system_time all" : ""}`;

/** Counts the rows of a table. */
export async function countTable(session: MysqlSession, table: MysqlTable): Promise<number> {
  const [row] = await session.run(`select count(*) as n from ${fromTable(table)}`);
  return Number(row?.n);
}
