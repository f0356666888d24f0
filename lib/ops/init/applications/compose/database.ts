/** Finds a database server among the services of a Compose file; it is dumped inside its own container. */
import path from "node:path";
import type { Found, FoundPassword } from "../../sources/application.ts";
import type { ComposeFile, Service } from "./file.ts";
import { serverUrl, type ServerEngine } from "../../sources/database-url.ts";
import type { EnvFile } from "../../sources/env-file.ts";
import { literalExpression, secretCommands } from "../../sources/secret-command.ts";

interface Context {
  readonly file: string;
  readonly env: EnvFile;
  readonly project: string;
  readonly parsed: ComposeFile;
}

/** Returns the engine of a service's image; undefined if Holdfast cannot dump it. */
export function engineOf({ image = "" }: Service): ServerEngine | undefined {
  const name = image.split("/").at(-1)?.split(/[:@]/)[0] ?? "";
  if (/^(?:postgres|postgresql|postgis|timescaledb|pgvector)(?:-|$)/.test(name)) return "postgresql";
  return /^(?:mysql|mariadb|percona)(?:-|$)/.test(name) ? "mysql" : undefined;
}

/** Returns the database of a service, with the command prefix that reaches its container. */
export function composeDatabase(
  context: Context,
  name: string,
  service: Service,
): Pick<Found, "databases" | "unknown"> & { readonly execPrefix: readonly string[] } {
  const engine = engineOf(service) ?? "postgresql";
  const container = service.container_name ?? `${context.project}-${name}-1`;
  const environment = environmentOf(service);
  const value = (...keys: string[]): string | undefined =>
    keys.map((key) => fill(environment.get(key), context.env)?.text).find((one) => one !== undefined);
  const image = IMAGES[engine];
  const user = value(...image.user) ?? image.superuser;
  const database = value(...image.database) ?? image.defaultDatabase(user);
  const execPrefix = ["docker", "exec", "-i", "-e", image.secret, container];
  if (database === undefined)
    return { databases: [], unknown: [`the database's name in the service ${name}`], execPrefix };
  const url = serverUrl({ engine, name: database, user, host: "localhost" });
  const keys = (user === "root" ? ROOT_PASSWORDS : image.password).filter(
    (key) => environment.has(key) || environment.has(`${key}_FILE`),
  );
  const password = keys.map((key) => passwordOf(context, name, environment, key)).find((one) => one !== undefined);
  return {
    databases: [{ url, ...(password === undefined ? {} : { password }) }],
    unknown: password === undefined ? [`the database's password in the service ${name}`] : [],
    execPrefix,
  };
}

/** The variables of the Docker images. */
interface Image {
  readonly user: readonly string[];
  readonly superuser: string;
  readonly database: readonly string[];
  defaultDatabase(user: string): string | undefined;
  readonly password: readonly string[];
  /** The variable from which the client in the container reads the password. */
  readonly secret: string;
}

const IMAGES: Readonly<Record<ServerEngine, Image>> = {
  postgresql: {
    user: ["POSTGRES_USER"],
    superuser: "postgres",
    database: ["POSTGRES_DB"],
    defaultDatabase: (user) => user,
    password: ["POSTGRES_PASSWORD"],
    secret: "PGPASSWORD",
  },
  mysql: {
    user: ["MYSQL_USER", "MARIADB_USER"],
    superuser: "root",
    database: ["MYSQL_DATABASE", "MARIADB_DATABASE"],
    defaultDatabase: () => undefined,
    password: ["MYSQL_PASSWORD", "MARIADB_PASSWORD"],
    secret: "MYSQL_PWD",
  },
};

const ROOT_PASSWORDS = ["MYSQL_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD", "POSTGRES_PASSWORD"];

function environmentOf({ environment = {} }: Service): ReadonlyMap<string, string> {
  if (!Array.isArray(environment))
    return new Map(Object.entries(environment).flatMap(([key, value]) => (value === null ? [] : [[key, value]])));
  return new Map(
    environment.flatMap((line): [string, string][] => {
      const at = line.indexOf("=");
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  );
}

/** Returns a value, with its variable if it is a single one; undefined if part of it is unknown. */
function fill(value: string | undefined, env: EnvFile): { text: string; variable?: string } | undefined {
  if (value === undefined) return undefined;
  const [, variable, fallback] = /^\$\{?(\w+)(?::?[-?]([^}]*))?\}?$/.exec(value) ?? [];
  if (variable === undefined)
    return /\$(?!\$)/.test(value.replaceAll("$$", "")) ? undefined : { text: value.replaceAll("$$", "$") };
  const given = env.get(variable);
  if (given !== undefined) return { text: given, variable };
  return fallback === undefined || value.includes("?") ? undefined : { text: fallback };
}

function passwordOf(
  { file, env, parsed }: Context,
  service: string,
  environment: ReadonlyMap<string, string>,
  key: string,
): FoundPassword | undefined {
  const secret = /^\/run\/secrets\/(.+)$/.exec(environment.get(`${key}_FILE`) ?? "")?.[1];
  const place = secret === undefined ? undefined : parsed.secrets?.[secret]?.file;
  if (place !== undefined) return { file: path.resolve(path.dirname(file), place) };
  const found = fill(environment.get(key), env);
  if (found === undefined || found.text === "") return undefined;
  if (found.variable !== undefined) return env.password(found.variable);
  const from = `^[[:space:]]+${literalExpression(service)}:`;
  // Either a mapping, or a list of KEY=value.
  const commands = [
    ...secretCommands({ file, form: "yaml", from, before: `^[[:space:]]+${key}[[:space:]]*:[[:space:]]*` }),
    ...secretCommands({ file, form: "listed", from, before: `^[[:space:]]*-[[:space:]]*['"]?${key}=` }),
  ];
  return { value: found.text, file, commands };
}
