/** Database URLs: taken apart, and rid of their password at once. */
import { sqliteFile } from "../../config/sqlite-url.ts";
import { HoldfastError } from "../../errors.ts";
import type { DatabaseTarget } from "../snapshot.ts";

/** The parts of a URL. PostgreSQL's clients read the URL themselves: libpq knows several hosts, sockets and options. */
export type DatabaseLocation = PostgresLocation | MysqlLocation | SqliteLocation;

interface PostgresLocation {
  readonly engine: "postgresql";
  readonly url: string;
  readonly database: string;
}

export interface MysqlLocation {
  readonly engine: "mysql" | "mariadb";
  readonly host: string | undefined;
  readonly port: string | undefined;
  readonly socket: string | undefined;
  readonly user: string | undefined;
  readonly database: string;
}

export interface SqliteLocation {
  readonly engine: "sqlite";
  readonly path: string;
  readonly absolute: boolean;
  readonly database: string;
}

const SCHEMES = "postgresql://, mysql://, mariadb:// or sqlite:///";
const ENCODE = "write the characters / ? # @ : % of a password percent-encoded, or better: use password_file";

/**
 * Takes the password out of a URL, whether it stands before the `@` or in a `password=` parameter. Throws `E_CONFIG`,
 * without showing the URL, when it cannot be told where the password ends.
 */
export function splitPassword(url: string): { url: string; password?: string } {
  const [, scheme = "", authority = "", rest = ""] = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*)(.*)$/is.exec(url) ?? [];
  if (scheme === "" || /^sqlite:/i.test(scheme)) return { url };
  const at = authority.lastIndexOf("@");
  const path = /^[^?#]*/.exec(rest)?.[0] ?? "";
  const oddPort = /:(?!\d*(?:,|$))/.test(authority.replace(/\[[^\]]*\]/g, ""));
  if (at < 0 && rest.includes("@") && (oddPort || (authority.includes(":") && path.includes("@")))) {
    throw new HoldfastError("E_CONFIG", "the password in a database URL holds / or ? or #", { hint: ENCODE });
  }
  const [user = "", ...secret] = at < 0 ? [] : authority.slice(0, at).split(":");
  const parameters = rest.slice(path.length).replace(/^\?/, "").split("&");
  if (parameters.some((parameter) => /^(sslpassword|passwd|pwd)=/i.test(parameter))) {
    throw new HoldfastError("E_CONFIG", "a database URL holds a secret that would be seen by ps", {
      hint: "use password_file",
    });
  }
  const inQuery = parameters.find((parameter) => parameter.startsWith("password="));
  const kept = parameters.filter((parameter) => parameter !== "" && !parameter.startsWith("password=")).join("&");
  const password = decode(secret.join(":") || (inQuery?.slice("password=".length) ?? ""));
  const clean = `${scheme}${at < 0 ? "" : `${user}@`}${authority.slice(at + 1)}${path}${kept === "" ? "" : `?${kept}`}`;
  return password === "" ? { url: clean } : { url: clean, password };
}

/** A target whose URL has no password in it: one that is given by itself counts more than one of the URL. */
export function withPasswordApart(target: DatabaseTarget): DatabaseTarget {
  const { url, password } = splitPassword(target.url);
  const secret = target.password ?? password;
  return { ...target, url, ...(secret === undefined ? {} : { password: secret }) };
}

/** Parses a URL. Throws `E_CONFIG` for an unknown scheme or parameter. */
export function describeUrl(url: string): DatabaseLocation {
  const clean = splitPassword(url).url;
  const scheme = /^[a-z][a-z0-9+.-]*(?=:\/\/)/i.exec(clean)?.[0]?.toLowerCase();
  switch (scheme) {
    case "postgresql":
    case "postgres":
      return {
        engine: "postgresql",
        url: clean,
        database: decode(/^[^/]*\/\/[^/?#]*\/([^?#]*)/.exec(clean)?.[1] ?? ""),
      };
    case "mysql":
    case "mariadb":
      return describeMysql(clean);
    case "sqlite":
      return describeSqlite(clean);
    default:
      throw new HoldfastError("E_CONFIG", `a database URL begins with ${SCHEMES}`);
  }
}

/**
 * The URL of another database of the same server. Sockets and other options stay; libpq takes `dbname=` before the
 * path.
 */
export function urlWithDatabase(url: string, database: string): string {
  const [, before = "", query = ""] = /^([^/]*\/\/[^/?#]*)(?:\/[^?#]*)?(.*)$/s.exec(url) ?? [];
  const rest = query.replace(/([?&])dbname=[^&#]*&?/g, "$1").replace(/[?&]$/, "");
  return `${before}/${encodeURIComponent(database)}${rest}`;
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
    const hint = "only socket= is known; other options belong into ~/.my.cnf of the user that runs the backup";
    throw new HoldfastError("E_CONFIG", `the parameter ${unknown} of a MySQL URL is not known`, { hint });
  }
  return {
    engine: /^mariadb:/i.test(url) ? "mariadb" : "mysql",
    host: host === "" ? undefined : decode(host.replace(/^\[|\]$/g, "")),
    port,
    socket: parameters.get("socket") ?? undefined,
    user: user === undefined || user === "" ? undefined : decode(user),
    database: decode(database),
  };
}

/** Parses the URL of a SQLite database. Throws `E_CONFIG`. */
export function describeSqlite(url: string): SqliteLocation {
  const path = sqliteFile(url);
  if (path === undefined) {
    const hint = "write sqlite:///relative/to/root.db or sqlite:////absolute/path.db";
    throw new HoldfastError("E_CONFIG", `${url} is not a SQLite URL`, { hint });
  }
  return { engine: "sqlite", path, absolute: path.startsWith("/"), database: path.split("/").at(-1) ?? path };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a bare % that was not meant as an escape
  }
}
