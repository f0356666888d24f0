/** SQLite by the add-on better-sqlite3, for Node versions whose own SQLite is missing or unfit (docs/adr/0008). */
import { existsSync } from "node:fs";
import type Sqlite from "better-sqlite3";
import type { SqliteDatabase, SqliteDriver, SqliteOptions, SqliteStatement, SqliteValue } from "./database.ts";
import { SqliteError } from "./error.ts";
import { BackupPace, PAGES_PER_STEP } from "./pace.ts";

type Constructor = new (path: string, options: Sqlite.Options) => Sqlite.Database;

/** Returns the driver over the module, which the caller has loaded. */
export function betterSqlite3Driver(Database: Constructor): SqliteDriver {
  return {
    name: "better-sqlite3",
    open: (path, options) => new AddOnDatabase(Database, path, options),
  };
}

class AddOnDatabase implements SqliteDatabase {
  readonly #db: Sqlite.Database;

  constructor(Database: Constructor, path: string, { mode, busyTimeout = 5000 }: SqliteOptions) {
    this.#db = attempt(
      () => new Database(path, { readonly: mode === "read", fileMustExist: mode !== "create", timeout: busyTimeout }),
    );
    this.#db.defaultSafeIntegers(true);
  }

  get isOpen(): boolean {
    return this.#db.open;
  }

  get inTransaction(): boolean {
    return this.#db.inTransaction;
  }

  exec(sql: string): void {
    attempt(() => this.#db.exec(sql));
  }

  prepare(sql: string): SqliteStatement {
    return attempt(() => new AddOnStatement(this.#db.prepare<SqliteValue[], SqliteValue[]>(sql)));
  }

  async backup(to: string, signal?: AbortSignal): Promise<void> {
    const pace = new BackupPace();
    const progress = ({ totalPages, remainingPages }: Sqlite.BackupMetadata): number => {
      signal?.throwIfAborted();
      return pace.isHopeless(remainingPages) ? totalPages + PAGES_PER_STEP : PAGES_PER_STEP;
    };
    try {
      await this.#db.backup(to, { progress });
    } catch (error) {
      throw translate(error);
    }
    // The add-on resolves without a file when the source stays locked.
    if (!existsSync(to)) throw new SqliteError("SQLITE_BUSY", "database is locked");
  }

  close(): void {
    this.#db.close();
  }
}

class AddOnStatement implements SqliteStatement {
  readonly columns: readonly string[];
  readonly #statement: Sqlite.Statement<SqliteValue[], SqliteValue[]>;

  constructor(statement: Sqlite.Statement<SqliteValue[], SqliteValue[]>) {
    this.#statement = statement;
    this.columns = statement.reader ? statement.columns().map(({ name }) => name) : [];
    if (statement.reader) statement.raw(true);
  }

  all(...parameters: readonly SqliteValue[]): SqliteValue[][] {
    return attempt(() => this.#statement.all(...parameters));
  }

  get(...parameters: readonly SqliteValue[]): SqliteValue[] | undefined {
    return attempt(() => this.#statement.get(...parameters));
  }

  *iterate(...parameters: readonly SqliteValue[]): IterableIterator<SqliteValue[]> {
    const rows = attempt(() => this.#statement.iterate(...parameters));
    try {
      for (let next; !(next = attempt(() => rows.next())).done;) yield next.value;
    } finally {
      rows.return?.();
    }
  }

  run(...parameters: readonly SqliteValue[]): number {
    return attempt(() => this.#statement.run(...parameters).changes);
  }
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translate(error);
  }
}

/** Extended result codes append to the name of their primary one: `SQLITE_BUSY_SNAPSHOT`. */
function translate(error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const [primary] = /^SQLITE_[A-Z0-9]+/.exec(code) ?? [];
  if (!(error instanceof Error) || primary === undefined) return error;
  return new SqliteError(primary, error.message, error);
}
