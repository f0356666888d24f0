/** URLs of MySQL and MariaDB. */
import { HoldfastError } from "../../errors.ts";
import { decodePart } from "../access/url.ts";
import type { DatabaseLocation, ServerAddress } from "../engine.ts";

export interface MysqlLocation extends DatabaseLocation {
  readonly engine: "mysql" | "mariadb";
  readonly host: string | undefined;
  readonly port: string | undefined;
  readonly socket: string | undefined;
  readonly user: string | undefined;
}

/** Parses the URL of a MySQL or MariaDB database, without a password. Throws `E_CONFIG`. */
export function describeMysql(url: string): MysqlLocation {
  const parts = /^[^:]*:\/\/(?:([^/?#]*)@)?(\[[^\]]*\]|[^/?#:]*)(?::(\d+))?\/([^/?#]+)(?:\?([^#]*))?$/.exec(url);
  if (parts === null) {
    throw new HoldfastError("E_CONFIG", `${url} is not a MySQL URL`, {
      hint: "write it as mysql://user@host:3306/database",
    });
  }
  const [, user, host = "", port, database = "", query = ""] = parts;
  const parameters = new URLSearchParams(query);
  const unknown = [...parameters.keys()].find((key) => key !== "socket");
  if (unknown !== undefined) {
    const hint = "only socket= is known; other options belong in ~/.my.cnf of the user that runs the backup";
    throw new HoldfastError("E_CONFIG", `the parameter ${unknown} of a MySQL URL is not known`, { hint });
  }
  return {
    engine: /^mariadb:/i.test(url) ? "mariadb" : "mysql",
    host: host === "" ? undefined : decodePart(host.replace(/^\[|\]$/g, "")),
    port,
    socket: parameters.get("socket") ?? undefined,
    user: user === undefined || user === "" ? undefined : decodePart(user),
    database: decodePart(database),
  };
}

/** Returns the URL of a database; without a host, of the local server. */
export function mysqlUrl({ name, user, host, port, socket }: ServerAddress): string {
  const account = user === undefined || user === "" ? "" : `${encodeURIComponent(user)}@`;
  const server = host === "" ? "localhost" : host;
  const address = port === "" ? server : `${server}:${port}`;
  const parameter = socket === "" ? "" : `?socket=${encodeURIComponent(socket).replaceAll("%2F", "/")}`;
  return `mysql://${account}${address}/${encodeURIComponent(name)}${parameter}`;
}

/** Returns the variables that the clients and the Docker images read. */
export function mysqlEnvironment(url: string, password: string | undefined): Record<string, string | undefined> {
  const { host = "localhost", port, socket, user, database } = describeMysql(url);
  return {
    MYSQL_HOST: host,
    MYSQL_UNIX_PORT: socket,
    MYSQL_TCP_PORT: port,
    MYSQL_PORT: port,
    MYSQL_USER: user,
    MYSQL_DATABASE: database,
    MYSQL_PWD: password,
    MYSQL_PASSWORD: password,
  };
}
