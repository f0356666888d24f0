/**
 * A SQLite database with the target's schema, which holds external records until all are loaded and every reference is
 * resolved.
 */
import { HoldfastError } from "../../../errors.ts";
import type { SqliteDatabase, SqliteStatement } from "../../../sqlite/database.ts";
import { openSqliteFile } from "../../../sqlite/open.ts";
import type { Cell } from "../../engine/session.ts";
import type { Schema, Table, TableId } from "../../schema/tables.ts";

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
/** Columns of our own. */
export const FILE = "holdfast file";
export const LINE = "holdfast line";
/** Returns the column beside a foreign key that holds its written key until it is resolved. */
export const referenceColumn = (column: string): string => `holdfast ref ${column}`;

/** The number of statements in a transaction. */
const AT_ONCE = 50_000;

export class Scratch {
  readonly path: string;
  readonly #db: SqliteDatabase;
  readonly #tables: ReadonlyMap<TableId, { readonly table: Table; readonly name: string }>;
  readonly #statements = new Map<string, SqliteStatement>();
  #open = 0;

  /** Creates the file, with a table for each of the schema's. */
  constructor(path: string, schema: Schema) {
    this.path = path;
    this.#db = openSqliteFile(path, { mode: "create" });
    this.#db.exec("pragma journal_mode = memory; pragma synchronous = off; pragma cache_size = -16000");
    const names = schema.tables.map(({ name }) => name.toLowerCase());
    this.#tables = new Map(
      schema.tables.map((table, at) => {
        const isUnique = names.indexOf(names[at] ?? "") === names.lastIndexOf(names[at] ?? "");
        return [table.id, { table, name: isUnique ? table.name : table.id }];
      }),
    );
    this.#db.exec("begin");
    for (const { table, name } of this.#tables.values()) {
      const links = new Set(table.foreignKeys.flatMap(({ columns }) => columns));
      const columns = table.columns.flatMap((one) => [
        one.name,
        ...(links.has(one.name) ? [referenceColumn(one.name)] : []),
      ]);
      this.#db.exec(`create table ${quote(name)} (${[...columns, FILE, LINE].map(quote).join(", ")})`);
    }
  }

  /** Returns the name of the table in the scratch database. */
  nameOf(id: TableId): string {
    const found = this.#tables.get(id);
    if (found === undefined) throw new RangeError(`${id} is not in the schema`);
    return found.name;
  }

  quoted(id: TableId): string {
    return quote(this.nameOf(id));
  }

  insert(id: TableId, columns: readonly string[], cells: readonly Cell[]): void {
    const sql =
      `insert into ${this.quoted(id)} (${columns.map(quote).join(", ")}) ` +
      `values (${columns.map(() => "?").join(", ")})`;
    this.run(sql, cells);
  }

  run(sql: string, cells: readonly Cell[] = []): void {
    try {
      this.#prepare(sql).run(...cells);
      if (++this.#open % AT_ONCE === 0) this.#db.exec("commit; begin");
    } catch (error) {
      throw failure(error);
    }
  }

  rows(sql: string, cells: readonly Cell[] = []): Cell[][] {
    try {
      return this.#prepare(sql).all(...cells);
    } catch (error) {
      throw failure(error);
    }
  }

  /** Adds a column that the schema lacks. */
  addColumn(id: TableId, column: string): void {
    this.#statements.clear();
    this.#db.exec(`alter table ${this.quoted(id)} add column ${quote(column)}`);
  }

  close(): void {
    if (!this.#db.isOpen) return;
    if (this.#db.inTransaction) this.#db.exec("commit");
    this.#db.close();
  }

  #prepare(sql: string): SqliteStatement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

function failure(error: unknown): HoldfastError {
  const message = error instanceof Error ? error.message : String(error);
  const code = /disk is full/i.test(message) ? "E_NO_SPACE" : "E_DATABASE";
  return new HoldfastError(code, `the records could not be stored in the scratch database: ${message}`, {
    cause: error,
  });
}

export { quote as quoteName };
