/** Builds database URLs from the settings of applications. */
import { databaseEngine } from "../../../database/engines/registry.ts";

/** The engines whose databases are on servers. */
export type ServerEngine = "postgresql" | "mysql";

export interface Server {
  readonly engine: ServerEngine;
  readonly name: string;
  readonly user?: string | undefined;
  /** A host, `host:port`, a socket, or `host:/socket`; the client's default if absent or empty. */
  readonly host?: string | undefined;
  readonly port?: string | undefined;
}

/** Returns the URL of a database on a server, without a password. */
export function serverUrl({ engine, name, user, host = "", port = "" }: Server): string {
  const [, given = "", ownPort = "", socket = ""] = /^(\[[^\]]*\]|[^:/]*)(?::(\d+))?:?(\/.*)?$/.exec(host) ?? [
    "",
    host,
  ];
  return databaseEngine(engine).serverUrl({ name, user, host: given, port: ownPort === "" ? port : ownPort, socket });
}

/** Returns the URL of an SQLite file, relative to the root or absolute. */
export const sqliteUrl = (file: string): string => `sqlite:///${file}`;
