/** The database engine that a URL names. */
import type { Json } from "./parse.ts";

const ENGINES: readonly (readonly [RegExp, string])[] = [
  [/^(?:postgres(?:ql)?|postgis)$/, "postgresql"],
  [/^mysql$/, "mysql"],
  [/^mariadb$/, "mariadb"],
  [/^sqlite3?$/, "sqlite"],
  [/^(?:mssql|sqlserver)$/, "sqlserver"],
  [/^oracle$/, "oracle"],
];

/**
 * `postgresql` for `postgres://…`, `postgresql+psycopg://…` and `jdbc:postgresql:…`; undefined for what is no URL of a
 * database.
 */
export function databaseScheme(value: Json): string | undefined {
  if (typeof value !== "string") return undefined;
  const [, java, plain] = /^(?:jdbc:([a-z0-9]+):|([a-z][a-z0-9]*)(?:\+\w+)?:\/\/)/i.exec(value.trim()) ?? [];
  const scheme = (java ?? plain)?.toLowerCase();
  return ENGINES.find(([pattern]) => scheme !== undefined && pattern.test(scheme))?.[1];
}
