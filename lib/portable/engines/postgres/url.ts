/**
 * Handles the differences between libpq, which makes the dumps, and `pg`: unsupported parts of a URL are rejected, and
 * .pgpass is read here.
 */
import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import type { DatabaseTarget } from "../../../database/snapshot.ts";
import { HoldfastError } from "../../../errors.ts";

const UNKNOWN = new Set([
  "service",
  "servicefile",
  "passfile",
  "hostaddr",
  "target_session_attrs",
  "load_balance_hosts",
  "channel_binding",
  "require_auth",
]);

/**
 * Throws `E_USAGE` for settings by which libpq would connect elsewhere: several hosts, services, other password files.
 * The URL holds no password.
 */
export function assertNoLibpqOnlySettings(url: string): void {
  const [, authority = "", query = ""] = /^[^:]*:\/\/([^/?#]*)[^?#]*(?:\?([^#]*))?/.exec(url) ?? [];
  const parameters = new URLSearchParams(query);
  const hosts = [authority.slice(authority.lastIndexOf("@") + 1), parameters.get("host"), parameters.get("port")];
  if (hosts.some((one) => one?.includes(",") === true))
    reject("a PostgreSQL URL with several hosts", "use a URL with one host");
  const named = [...parameters.keys()].find((key) => UNKNOWN.has(key));
  if (named !== undefined)
    reject(
      `the parameter ${named} of a PostgreSQL URL`,
      "write host, port, user and database into the URL; the password may be in ~/.pgpass or PGPASSWORD",
    );
  if (process.env["PGSERVICE"] && hosts[0] === "" && !parameters.has("host"))
    reject("PGSERVICE", "write host, port, user and database into the URL");
}

function reject(setting: string, hint: string): never {
  throw new HoldfastError("E_USAGE", `${setting} is supported for dumps only, not for portable data`, { hint });
}

/** The destination of a connection, as `pg` parsed it. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly user?: string | undefined;
  readonly database?: string | undefined;
}

/**
 * Returns the target with its password from `PGPASSFILE` or `~/.pgpass`, unless it has one. As in libpq, the first
 * matching line counts, and a file that others may read is ignored. The lookup of `pg` does not know `*` as a port, and
 * is deprecated. https://www.postgresql.org/docs/current/libpq-pgpass.html
 */
export function withPgpass(target: DatabaseTarget, { host, port, user = "", database }: Destination): DatabaseTarget {
  if (target.password !== undefined || process.env["PGPASSWORD"]) return target;
  const wanted = [
    ["/var/run/postgresql", "/tmp"].includes(host) ? "localhost" : host,
    String(port),
    database ?? user,
    user,
  ];
  for (const line of privateLines(process.env["PGPASSFILE"] || path.join(homedir(), ".pgpass"))) {
    const fields = [...line.matchAll(/((?:\\.|[^\\:])*)(?::|$)/g)].map(([, field = ""]) => field);
    const password = fields[wanted.length];
    if (line.startsWith("#") || password === undefined) continue;
    if (wanted.every((one, at) => fields[at] === "*" || plain(fields[at] ?? "") === one))
      return { ...target, password: plain(password) };
  }
  return target;
}

const plain = (field: string): string => field.replaceAll(/\\(.)/g, "$1");

function privateLines(file: string): string[] {
  try {
    const { mode } = statSync(file);
    return (mode & 0o077) === 0 ? readFileSync(file, "utf8").split(/\r?\n/) : [];
  } catch {
    return []; // missing or unreadable
  }
}
