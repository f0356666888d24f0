/** URLs of PostgreSQL. Its clients read them themselves: libpq knows several hosts, sockets and options. */
import { decodePart } from "../access/url.ts";
import type { DatabaseLocation, ServerAddress } from "../engine.ts";

interface PostgresLocation extends DatabaseLocation {
  readonly url: string;
}

/** Parses a URL without a password. */
export const describePostgres = (url: string): PostgresLocation => ({
  engine: "postgresql",
  url,
  database: decodePart(/^[^/]*\/\/[^/?#]*\/([^?#]*)/.exec(url)?.[1] ?? ""),
});

/** Returns the URL of a database. The clients accept the socket's directory in place of a host. */
export function postgresUrl({ name, user, host, port, socket }: ServerAddress): string {
  const account = user === undefined || user === "" ? "" : `${encodeURIComponent(user)}@`;
  const server = socket === "" ? host : "";
  const address = port === "" || server === "" ? server : `${server}:${port}`;
  const parameter = socket === "" ? "" : `?host=${encodeURIComponent(socket).replaceAll("%2F", "/")}`;
  return `postgresql://${account}${address}/${encodeURIComponent(name)}${parameter}`;
}

/** Returns the variables that libpq reads. */
export function postgresEnvironment(url: string, password: string | undefined): Record<string, string | undefined> {
  const { hostname, port, username, pathname, searchParams } = new URL(url);
  return {
    PGHOST: searchParams.get("host") ?? decodeURIComponent(hostname),
    PGPORT: searchParams.get("port") ?? (port === "" ? "5432" : port),
    PGUSER: username === "" ? undefined : decodeURIComponent(username),
    PGDATABASE: decodeURIComponent(pathname.slice(1)),
    PGPASSWORD: password,
  };
}
