/** The database engines, one row each. */
import { HoldfastError } from "../../errors.ts";
import { splitPassword } from "../access/url.ts";
import type { DatabaseEngine, DatabaseLocation } from "../engine.ts";
import { mariadb, mysql } from "./mysql.ts";
import { postgres } from "./postgres.ts";
import type { EngineName } from "../snapshot.ts";
import { sqlite } from "./sqlite.ts";

const ENGINES: Readonly<Record<EngineName, DatabaseEngine>> = { postgresql: postgres, mysql, mariadb, sqlite };

/** The schemes of URLs, which are the engines' names, and `postgres`, which libpq accepts as well. */
const SCHEMES = new Map([...Object.entries(ENGINES), ["postgres", postgres] as const]);

export const databaseEngine = (name: EngineName): DatabaseEngine => ENGINES[name];

/** Returns the engine that a URL names. Throws `E_CONFIG` for an unknown scheme. */
export function engineOfUrl(url: string): DatabaseEngine {
  const scheme = /^[a-z][a-z0-9+.-]*(?=:\/\/)/i.exec(url)?.[0]?.toLowerCase() ?? "";
  const engine = SCHEMES.get(scheme);
  if (engine === undefined)
    throw new HoldfastError("E_CONFIG", "a database URL begins with postgresql://, mysql://, mariadb:// or sqlite:///");
  return engine;
}

/** The ends of the file names of dumps. */
export const DUMP_EXTENSIONS: readonly string[] = [
  ...new Set(Object.values(ENGINES).map(({ extension }) => extension)),
];

/** Returns the engine that loads a dump, by the end of its name. */
export function engineOfDump(file: string): DatabaseEngine {
  const found = Object.values(ENGINES).find(({ extension }) => file.endsWith(extension));
  if (found === undefined) throw new HoldfastError("E_INTERNAL", `${file} is not a dump`);
  return found;
}

/** Parses a URL, without its password. Throws `E_CONFIG` for an unknown scheme or parameter. */
export function describeUrl(url: string): DatabaseLocation {
  const clean = splitPassword(url).url;
  return engineOfUrl(clean).describe(clean);
}

/** Returns the path of the file that a URL names; undefined if the database is on a server. */
export const fileOfUrl = (target: { readonly url: string; readonly root: string }): string | undefined =>
  engineOfUrl(target.url).files?.pathOf(target);
