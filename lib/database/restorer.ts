/** The interface of a restore to a database server, implemented for PostgreSQL, MySQL/MariaDB and SQLite. */
import type { DatabaseFacts, EngineName } from "./snapshot.ts";

/** The database that exists under the name in the URL. */
export interface PresentDatabase {
  /** Base tables in it; 0 for an empty database, which nothing is lost with. */
  readonly tables: number;
  readonly size_bytes: number;
  /** Migrations in the form of `DatabaseFacts`. */
  readonly migrations: DatabaseFacts["migrations"];
}

export interface LoadOptions {
  /** Hears how much of the dump has been read so far. */
  readonly onBytes: (bytes: number) => void;
  /** Handed to pg_restore as they are; an error for other engines when not empty. */
  readonly restoreFlags: readonly string[];
  /** The recorded `DatabaseFacts.search_path`. */
  readonly searchPath?: readonly string[] | undefined;
}

/**
 * Loads dumps into a server and puts them in the place of the database that the URL names, which is called live here.
 * Scratch and aside names are chosen by the caller, who writes them down before he uses them, so that everything can be
 * found again after a crash: every method may be called again after it was cut off. Throws `E_DATABASE` when the server
 * does not answer or refuses.
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
   * Throws `E_RESTORE` when the dump cannot be loaded by this server and these programs (an older pg_restore,
   * extensions that are not available), before anything is made; gives what will be other than it was (roles that are
   * missing …).
   */
  check(dump: string, options: Pick<LoadOptions, "restoreFlags">): Promise<readonly string[]>;
  /**
   * Creates on a private server, and nowhere else, what the dump expects of its surroundings: roles and accounts. They
   * have no password and cannot log in.
   */
  furnish(dump: string): Promise<void>;
  /**
   * Makes the database `scratch`, removing what an earlier attempt left of it, and loads the whole dump. Throws
   * `E_RESTORE`; `scratch` is dropped then.
   */
  load(dump: string, scratch: string, options: LoadOptions): Promise<void>;
  /** Returns the facts of a database, every table counted exactly, and digested on request. */
  facts(name: string, options?: { readonly digests: boolean }): Promise<DatabaseFacts>;
  /**
   * Puts `scratch` in the place of live, which becomes `aside` (where there was one), with live's owner, rights and
   * settings; ends the connections to both. Done already: nothing happens.
   */
  exchange(scratch: string, aside: string): Promise<void>;
  /** The way back: live becomes `scratch` again, and `aside` live. Done already: nothing happens. */
  exchangeBack(scratch: string, aside: string): Promise<void>;
  /** Empties the live database, or creates it, and loads the dump into it; with null it stays empty. */
  reload(dump: string | null, options: LoadOptions): Promise<void>;
  /** A dump of the live database that `reload` takes, at `path`; the safety copy for engines without `exchange`. */
  save(path: string): Promise<{ readonly size_bytes: number; readonly sha256: string }>;
  /** Drops a database that a restore created or renamed, and ends its connections. Never drops live. */
  drop(name: string): Promise<void>;
  close(): Promise<void>;
}
