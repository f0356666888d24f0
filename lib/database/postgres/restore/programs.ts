/** Finds PostgreSQL's programs on this host. */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { findProgram } from "../../access/programs.ts";

/** Returns the newest pg_restore, which reads the dumps of older versions. */
export function newestRestore(): string | undefined {
  const home = "/usr/lib/postgresql";
  const versions = existsSync(home) ? readdirSync(home).toSorted((a, b) => Number(b) - Number(a)) : [];
  const own = versions.map((version) => path.join(home, version, "bin/pg_restore")).find((file) => existsSync(file));
  return own ?? findProgram(["pg_restore"]);
}
