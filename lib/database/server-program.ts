/** The interface of a server program, by which access/private-server.ts starts one. */
import type { CommandOptions } from "../exec/command.ts";

/** The address on which a private server listens. */
export const LOOPBACK = "127.0.0.1";

export interface ServerSetup {
  readonly directory: string;
  readonly port: number;
  readonly password: string;
  /** The path of a file with the password, removed once the server answers. */
  readonly secret: string;
  /** Writes that file. */
  keep(text: string): Promise<void>;
}

/** A server program of one version. */
export interface InstalledServer {
  /** The user of the server's Debian package. */
  readonly user: string;
  readonly superuser: string;
  /** The database that exists in every server. */
  readonly database: string;
  readonly scheme: string;
  readonly hint: string;
  /** Makes the empty data directory, with the password in it. */
  prepare(setup: ServerSetup, run: (argv: readonly string[]) => Promise<void>): Promise<void>;
  /** Returns the command of the server. */
  command(setup: ServerSetup): string[];
  /** Throws while the server does not answer. */
  probe(setup: ServerSetup, options: CommandOptions): Promise<void>;
}

export interface ServerProgram {
  /** Returns the part of a server's version that decides whether another loads its dumps; undefined if none does. */
  versionOf(version: string): string | undefined;
  /** Finds the server of a version, or the newest. Throws `E_DATABASE` if none is installed. */
  find(version: string | undefined): InstalledServer;
}
