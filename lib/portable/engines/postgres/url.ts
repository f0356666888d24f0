/** What libpq, by which dumps are made, does with a URL and `pg` does not: refused, or done here. */
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

/** Throws `E_USAGE` for what would lead elsewhere than libpq goes: several hosts, services, other password files. The URL holds no password. */
export function refuseLibpqOnly(url: string): void {
  const [, authority = "", query = ""] = /^[^:]*:\/\/([^/?#]*)[^?#]*(?:\?([^#]*))?/.exec(url) ?? [];
  const parameters = new URLSearchParams(query);
  const hosts = [authority.slice(authority.lastIndexOf("@") + 1), parameters.get("host"), parameters.get("port")];
  if (hosts.some((one) => one?.includes(",") === true))
    refuse("a PostgreSQL URL with several hosts is for dumps alone", "name the one that is to be asked");
  const named = [...parameters.keys()].find((key) => UNKNOWN.has(key));
  if (named !== undefined)
    refuse(
      `the parameter ${named} of a PostgreSQL URL is for dumps alone`,
      "write host, port, user and database into the URL; the password may be in ~/.pgpass or PGPASSWORD",
    );
  if (process.env["PGSERVICE"] && hosts[0] === "" && !parameters.has("host"))
    refuse("PGSERVICE is for dumps alone", "write host, port, user and database into the URL");
}

function refuse(message: string, hint: string): never {
  throw new HoldfastError("E_USAGE", `${message}: portable data cannot follow it`, { hint });
}

/** Where a connection goes, as `pg` understood it. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly user?: string | undefined;
  readonly database?: string | undefined;
}

/**
 * The target with the password that `PGPASSFILE` or `~/.pgpass` has for it, where it has none by itself. As libpq does it: the first line that fits counts, and
 * a file that others may read counts for nothing. What `pg` looks up by itself knows no `*` for a port, and is deprecated. https://www.postgresql.org/docs/current/libpq-pgpass.html
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
    return []; // there is none for us
  }
}
