/** The interface of a restore to a database server, implemented for PostgreSQL, MySQL/MariaDB and SQLite. */
import type { DatabaseFacts, EngineName } from "./snapshot.ts";

/** The database that exists under the name in the URL. */
export interface PresentDatabase {
  /** The number of base tables. */
  readonly tables: number;
  readonly size_bytes: number;
  /** Migrations in the form of `DatabaseFacts`. */
  readonly migrations: DatabaseFacts["migrations"];
}

export interface LoadOptions {
  /** Called with the bytes of the dump that have been read so far. */
  readonly onBytes: (bytes: number) => void;
  /** Passed to pg_restore unchanged; an error for other engines unless empty. */
  readonly restoreFlags: readonly string[];
  /** The recorded `DatabaseFacts.search_path`. */
  readonly searchPath?: readonly string[] | undefined;
}

/**
 * Loads dumps into a server, and replaces the database in the URL, which is called live here. The caller chooses the
 * names of the scratch database and of the previous one (`aside`), and records them before it uses them, so that they
 * can be found after a crash. Every method may be called again after it was interrupted. Throws `E_DATABASE` if the
 * server does not answer or rejects a statement.
 */
export interface DatabaseRestorer {
  readonly engine: EngineName;
  /** The name in the URL. */
  readonly live: string;
  /** `exchange` swaps atomically. Otherwise (MySQL) `reload` is used, after a dump of the previous database. */
  readonly exchanges: boolean;
  /** Returns the live database; undefined if it does not exist. */
  present(): Promise<PresentDatabase | undefined>;
  /** Checks whether a database of this name exists. */
  exists(name: string): Promise<boolean>;
  /** Returns the free bytes on the server's disk; undefined if unknown, as for a server on another host. */
  freeBytes(): Promise<number | undefined>;
  /**
   * Checks whether this server and these programs can load the dump, before anything is created. Returns warnings of
   * what will differ, such as missing roles. Throws `E_RESTORE`, as for an older pg_restore or a missing extension.
   */
  check(dump: string, options: Pick<LoadOptions, "restoreFlags">): Promise<readonly string[]>;
  /**
   * Creates the roles and accounts that the dump refers to. They have no password and cannot log in. Called for private
   * servers only.
   */
  furnish(dump: string): Promise<void>;
  /**
   * Creates the database `scratch`, after removing the rest of an earlier attempt, and loads the whole dump. Throws
   * `E_RESTORE`, and drops `scratch` then.
   */
  load(dump: string, scratch: string, options: LoadOptions): Promise<void>;
  /** Returns the facts of a database, every table counted exactly, and digested on request. */
  facts(name: string, options?: { readonly digests: boolean }): Promise<DatabaseFacts>;
  /**
   * Renames live, if it exists, to `aside` and `scratch` to live, with live's owner, privileges and settings. Ends the
   * connections to both. Does nothing if that was done before.
   */
  exchange(scratch: string, aside: string): Promise<void>;
  /** Reverses `exchange`: live becomes `scratch` again, and `aside` live. Does nothing if that was done before. */
  exchangeBack(scratch: string, aside: string): Promise<void>;
  /** Empties or creates the live database, and loads the dump into it; null leaves it empty. */
  reload(dump: string | null, options: LoadOptions): Promise<void>;
  /** Dumps the live database to `path`, for `reload`: the safety copy of engines without `exchange`. */
  save(path: string): Promise<{ readonly size_bytes: number; readonly sha256: string }>;
  /** Drops a database that a restore created or renamed, and ends its connections. Never drops live. */
  drop(name: string): Promise<void>;
  close(): Promise<void>;
}
