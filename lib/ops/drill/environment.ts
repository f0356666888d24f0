/** The environment of a drill's commands: the sandbox's database under the names that applications know, and the live one under none. */
import { describeUrl } from "../../database/access/url.ts";
import type { LoadedDatabase } from "./databases.ts";

/** The site in the sandbox, for the commands of a drill. */
export interface DrillSite {
  /** Where the site's root is in the sandbox. */
  readonly root: string;
  readonly database: LoadedDatabase | undefined;
}

/** Names under which an application finds its database. */
const DATABASE_VARIABLES =
  /^(?:(?:[A-Z0-9]+_)*DATABASE(?:_[A-Z0-9]+)*|PG[A-Z]+|(?:MYSQL|MARIADB|POSTGRES|POSTGRESQL|PSQL|SQLITE|DB|SQL)_[A-Z0-9_]+|(?:[A-Z0-9]+_)*DB(?:_[A-Z0-9]+)*|SQLALCHEMY_[A-Z_]+|(?:[A-Z0-9]+_)*DSN)$/;

/** Returns what is added to this process's environment; undefined removes a variable. */
export function drillEnvironment({ root, database }: DrillSite): Record<string, string | undefined> {
  const removed = Object.keys(process.env)
    .filter((name) => DATABASE_VARIABLES.test(name.toUpperCase()))
    .map((name) => [name, undefined] as const);
  // A client that finds no name of a host takes the local server, which may be the live one.
  const nowhere = `${root}/.no-database`;
  const common = {
    HOLDFAST_SANDBOX: root,
    PGHOST: nowhere,
    MYSQL_UNIX_PORT: nowhere,
    MYSQL_HOST: nowhere,
  };
  if (database === undefined) return { ...Object.fromEntries(removed), ...common };
  const { url, password } = database;
  return {
    ...Object.fromEntries(removed),
    ...common,
    HOLDFAST_DATABASE_URL: url,
    ...(password === undefined ? {} : { HOLDFAST_DATABASE_PASSWORD: password }),
    DATABASE_URL: withPassword(url, password),
    ...engineVariables(url, password),
  };
}

/** What the clients of PostgreSQL, MySQL and MariaDB, and their Docker images, read. */
function engineVariables(url: string, password: string | undefined): Record<string, string | undefined> {
  const location = describeUrl(url);
  if (location.engine === "postgresql") {
    const { hostname, port, username, pathname, searchParams } = new URL(url);
    return {
      PGHOST: searchParams.get("host") ?? decodeURIComponent(hostname),
      PGPORT: searchParams.get("port") ?? (port === "" ? "5432" : port),
      PGUSER: username === "" ? undefined : decodeURIComponent(username),
      PGDATABASE: decodeURIComponent(pathname.slice(1)),
      PGPASSWORD: password,
    };
  }
  if (location.engine === "sqlite") return {};
  const { host = "localhost", port, socket, user, database } = location;
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

function withPassword(url: string, password: string | undefined): string {
  // As SQLAlchemy and dj-database-url write an absolute path: four slashes.
  if (/^sqlite:/i.test(url)) return url.replace(/^sqlite:\/\/\/(?!\/)/i, "sqlite:////");
  if (password === undefined) return url;
  const whole = new URL(url);
  whole.password = encodeURIComponent(password);
  return whole.toString();
}
