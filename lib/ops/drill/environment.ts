/**
 * The environment of a drill's commands: it names the sandbox's database under all usual variables, and never the live
 * one.
 */
import { engineOfUrl } from "../../database/engines/registry.ts";
import type { LoadedDatabase } from "./databases.ts";

/** The site in the sandbox, for the commands of a drill. */
export interface DrillSite {
  /** Path of the site's root in the sandbox. */
  readonly root: string;
  readonly database: LoadedDatabase | undefined;
}

/** Variables that applications read their database's URL from. */
const DATABASE_VARIABLES =
  /^(?:(?:[A-Z0-9]+_)*DATABASE(?:_[A-Z0-9]+)*|PG[A-Z]+|(?:MYSQL|MARIADB|POSTGRES|POSTGRESQL|PSQL|SQLITE|DB|SQL)_[A-Z0-9_]+|(?:[A-Z0-9]+_)*DB(?:_[A-Z0-9]+)*|SQLALCHEMY_[A-Z_]+|(?:[A-Z0-9]+_)*DSN)$/;

/** Returns the changes to this process's environment; undefined removes a variable. */
export function drillEnvironment({ root, database }: DrillSite): Record<string, string | undefined> {
  const removed = Object.keys(process.env)
    .filter((name) => DATABASE_VARIABLES.test(name.toUpperCase()))
    .map((name) => [name, undefined] as const);
  // Without a host name a client connects to the local server, which may be the live one.
  const noServer = `${root}/.no-database`;
  const common = {
    HOLDFAST_SANDBOX: root,
    PGHOST: noServer,
    MYSQL_UNIX_PORT: noServer,
    MYSQL_HOST: noServer,
  };
  if (database === undefined) return { ...Object.fromEntries(removed), ...common };
  const { url, password } = database;
  return {
    ...Object.fromEntries(removed),
    ...common,
    HOLDFAST_DATABASE_URL: url,
    ...(password === undefined ? {} : { HOLDFAST_DATABASE_PASSWORD: password }),
    DATABASE_URL: withPassword(url, password),
    ...engineOfUrl(url).environment(url, password),
  };
}

function withPassword(url: string, password: string | undefined): string {
  // SQLAlchemy and dj-database-url write an absolute path with four slashes.
  if (/^sqlite:/i.test(url)) return url.replace(/^sqlite:\/\/\/(?!\/)/i, "sqlite:////");
  if (password === undefined) return url;
  const whole = new URL(url);
  whole.password = encodeURIComponent(password);
  return whole.toString();
}
