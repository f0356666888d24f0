/** URLs of SQLite. */
import { resolve } from "node:path";
import { fileExists } from "../../archive/tree/path-exists.ts";
import { sqliteFile } from "../../config/sqlite-url.ts";
import { HoldfastError } from "../../errors.ts";
import type { DatabaseFiles, DatabaseLocation } from "../engine.ts";
import type { DatabaseTarget } from "../snapshot.ts";

interface SqliteLocation extends DatabaseLocation {
  readonly path: string;
  readonly absolute: boolean;
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

export const sqliteFiles: DatabaseFiles = {
  pathOf: ({ url, root }) => {
    const { path, absolute } = describeSqlite(url);
    return absolute ? path : resolve(root, path);
  },
  locate: locateSqlite,
  urlOf: (path) => `sqlite:///${path}`,
  all: (path) => [path, `${path}-wal`, `${path}-shm`, `${path}-journal`],
};

/** Returns the file of `sqlite:///a/b`, relative to the site's root; if only `/a/b` exists, that was meant. */
function locateSqlite({ url, root }: Pick<DatabaseTarget, "url" | "root">): string {
  const { path, absolute } = describeSqlite(url);
  const candidates = absolute ? [path] : [resolve(root, path), `/${path}`];
  const found = candidates.find(fileExists);
  if (found === undefined) throw new HoldfastError("E_DATABASE", `the SQLite database ${candidates[0]} does not exist`);
  return found;
}
