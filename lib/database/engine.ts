/**
 * The interface of a database engine: everything in which one differs from another, but for the portable engine. Each
 * folder beside this file implements it for one family, and engines/registry.ts lists them.
 */
import type { UnitMetadata } from "../model/unit.ts";
import type { DumpCheck, RecordedTables } from "./dump-rows.ts";
import type { DatabaseInspector } from "./inspection.ts";
import type { DatabaseRestorer } from "./restorer.ts";
import type { ServerProgram } from "./server-program.ts";
import type { DatabaseSnapshot, DatabaseTarget, EngineName } from "./snapshot.ts";

/** The parts of a URL; engines add their own. */
export interface DatabaseLocation {
  readonly engine: EngineName;
  readonly database: string;
}

/** A server and a database on it, as applications configure them. */
export interface ServerAddress {
  readonly name: string;
  readonly user?: string | undefined;
  readonly host: string;
  readonly port: string;
  /** The socket, or `""`. */
  readonly socket: string;
}

/** Databases that are files. */
export interface DatabaseFiles {
  /** Returns the path in a URL, which may not exist. */
  pathOf(target: Pick<DatabaseTarget, "url" | "root">): string;
  /** Returns the path of an existing database. Throws `E_DATABASE`. */
  locate(target: Pick<DatabaseTarget, "url" | "root">): string;
  /** Returns the URL of a file, by its absolute path or relative to the site's root. */
  urlOf(path: string): string;
  /** Returns a database's own file and those that SQLite keeps beside it. */
  all(path: string): string[];
}

/** Preparations on a new host for `restoreCommands`. */
export interface ByHand {
  /** Debian packages. */
  readonly packages: readonly string[];
  /** Instructions for the set-up before the commands, in one or two sentences. */
  readonly prepare: string;
}

export interface DatabaseEngine {
  readonly name: EngineName;
  /** The engine whose server loads the dumps: MariaDB loads MySQL's too. */
  readonly family: EngineName;
  /** Undefined if the databases are on a server. */
  readonly files: DatabaseFiles | undefined;
  /** A server that Holdfast can start; undefined if the databases are files. */
  readonly server: ServerProgram | undefined;
  /** Parses a URL without a password. Throws `E_CONFIG`. */
  describe(url: string): DatabaseLocation;
  /** Returns the URL of a database on a server. */
  serverUrl(address: ServerAddress): string;
  /** Opens a snapshot of the database; see `openSnapshot`. */
  openSnapshot(target: DatabaseTarget, signal: AbortSignal): Promise<DatabaseSnapshot>;
  /** Opens a restorer of the database; see `openRestorer`. */
  openRestorer(target: DatabaseTarget, signal: AbortSignal): Promise<DatabaseRestorer>;
  readonly inspector: DatabaseInspector;
  /** Returns the variables from which the engine's clients, and its Docker images, read a database. */
  environment(url: string, password: string | undefined): Record<string, string | undefined>;
  /** The end of a dump's file name, with its dot. */
  readonly extension: string;
  /** Reads a dump to its end, without a server, and compares its rows with the recorded ones. */
  checkDump(file: string, recorded: RecordedTables, signal: AbortSignal): Promise<DumpCheck>;
  /**
   * Returns the shell commands that load a unit's dump; `file` is a word of the shell. Undefined if the dump is a file
   * to copy.
   */
  readonly restoreCommands: ((metadata: UnitMetadata, database: string, file: string) => string[]) | undefined;
  /** Packages and instructions for these commands on a new host. */
  readonly byHand: ByHand;
  /** Returns the shell commands that load a dump of a package into a new database `site`. */
  packageCommands(dump: string): string[];
}
