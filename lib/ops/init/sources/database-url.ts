/** Builds database URLs from the settings of applications. */

export interface Server {
  readonly engine: "postgresql" | "mysql";
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
  const account = user === undefined || user === "" ? "" : `${encodeURIComponent(user)}@`;
  const number = ownPort === "" ? port : ownPort;
  // PostgreSQL's clients accept the socket's directory in place of a host.
  const server = engine === "postgresql" && socket !== "" ? "" : given;
  const parameter =
    socket === ""
      ? ""
      : `?${engine === "mysql" ? "socket" : "host"}=${encodeURIComponent(socket).replaceAll("%2F", "/")}`;
  const place = server === "" && engine === "mysql" ? "localhost" : server;
  const address = number === "" || place === "" ? place : `${place}:${number}`;
  return `${engine}://${account}${address}/${encodeURIComponent(name)}${parameter}`;
}

/** Returns the URL of an SQLite file, relative to the root or absolute. */
export const sqliteUrl = (file: string): string => `sqlite:///${file}`;
