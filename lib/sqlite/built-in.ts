/** SQLite by Node's own `node:sqlite`. */
import { existsSync, rmSync } from "node:fs";
import type { SqliteDatabase, SqliteDriver, SqliteOptions, SqliteStatement, SqliteValue } from "./database.ts";
import { primaryCode, SqliteError } from "./error.ts";
import { readsWholeTexts, type NodeDatabase, type NodeSqlite, type NodeStatement } from "./node-sqlite.ts";
import { BackupPace, PAGES_PER_STEP } from "./pace.ts";
import { assertWholeTexts } from "./whole-texts.ts";

/** More pages than any database has. */
const ALL_PAGES = 0x7fff_ffff;
/** White space, comments and semicolons. */
const EMPTY_SQL = /^(?:[\s;]|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*$/;

/** Returns the driver over the module. */
export function builtInDriver(module: NodeSqlite): SqliteDriver {
  const cutsTexts = !readsWholeTexts(module);
  return {
    name: "node:sqlite",
    open: (path, options) => new BuiltInDatabase(module, path, options, cutsTexts),
  };
}

class BuiltInDatabase implements SqliteDatabase {
  readonly #module: NodeSqlite;
  readonly #db: NodeDatabase;
  readonly #cutsTexts: boolean;

  constructor(module: NodeSqlite, path: string, { mode, busyTimeout = 5000 }: SqliteOptions, cutsTexts: boolean) {
    if (mode === "write" && !existsSync(path)) throw new SqliteError("SQLITE_CANTOPEN", "unable to open database file");
    this.#module = module;
    this.#cutsTexts = cutsTexts;
    // As better-sqlite3 has it: no statement can damage the file. Older versions do not know the option.
    const options = { readOnly: mode === "read", timeout: busyTimeout, defensive: true };
    this.#db = attempt(() => new module.DatabaseSync(path, options));
  }

  get isOpen(): boolean {
    return this.#db.isOpen;
  }

  get inTransaction(): boolean {
    return this.#db.isTransaction;
  }

  exec(sql: string): void {
    attempt(() => this.#db.exec(sql));
  }

  prepare(sql: string): SqliteStatement {
    const statement = this.#prepare(sql);
    return this.#cutsTexts ? assertWholeTexts(statement, sql, (check) => this.#prepare(check)) : statement;
  }

  async backup(to: string, signal?: AbortSignal): Promise<void> {
    const restart = new Error("writers keep the backup from ending");
    const pace = new BackupPace();
    const progress = ({ remainingPages }: { readonly remainingPages: number }): void => {
      signal?.throwIfAborted();
      if (pace.isHopeless(remainingPages)) throw restart;
    };
    try {
      await this.#module.backup(this.#db, to, { rate: PAGES_PER_STEP, progress });
    } catch (error) {
      signal?.throwIfAborted();
      if (error !== restart) throw backupError(error);
      rmSync(to, { force: true });
      await this.#module.backup(this.#db, to, { rate: ALL_PAGES }).catch((cause: unknown) => {
        throw backupError(cause);
      });
    }
  }

  close(): void {
    this.#db.close();
  }

  #prepare(sql: string): SqliteStatement {
    const statement = attempt(() => this.#db.prepare(sql));
    if (!EMPTY_SQL.test(sql.slice(statement.sourceSQL.length))) {
      throw new SqliteError("SQLITE_MISUSE", "the SQL has more than one statement");
    }
    return new BuiltInStatement(statement);
  }
}

class BuiltInStatement implements SqliteStatement {
  readonly columns: readonly string[];
  readonly #statement: NodeStatement;

  constructor(statement: NodeStatement) {
    this.#statement = statement;
    this.columns = statement.columns().map(({ name }) => name);
    statement.setReturnArrays(true);
    statement.setReadBigInts(true);
  }

  all(...parameters: readonly SqliteValue[]): SqliteValue[][] {
    return attempt(() => this.#statement.all(...parameters)).map(withBuffers);
  }

  get(...parameters: readonly SqliteValue[]): SqliteValue[] | undefined {
    const row = attempt(() => this.#statement.get(...parameters));
    return row === undefined ? undefined : withBuffers(row);
  }

  *iterate(...parameters: readonly SqliteValue[]): IterableIterator<SqliteValue[]> {
    const rows = attempt(() => this.#statement.iterate(...parameters));
    try {
      for (let next; !(next = attempt(() => rows.next())).done;) yield withBuffers(next.value);
    } finally {
      rows.return?.();
    }
  }

  run(...parameters: readonly SqliteValue[]): number {
    return Number(attempt(() => this.#statement.run(...parameters)).changes);
  }
}

/** Changes the row: it is nobody else's. */
function withBuffers(row: (SqliteValue | Uint8Array)[]): SqliteValue[] {
  return row.map((value) =>
    value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value,
  );
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translate(error);
  }
}

function translate(error: unknown): unknown {
  if (!(error instanceof Error) || !("errcode" in error)) return error;
  return new SqliteError(primaryCode(Number(error.errcode)), error.message, error);
}

/** A source that stays locked ends a backup with the code 0, "not an error". */
function backupError(error: unknown): unknown {
  if (error instanceof Error && "errcode" in error && error.errcode === 0) {
    return new SqliteError("SQLITE_BUSY", "database is locked", error);
  }
  return translate(error);
}
