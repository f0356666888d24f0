/**
 * Runs once before all tests: keeps them away from the host's own state and configuration, offers database servers, and says
 * at the start, not in the middle, which servers and tools are missing. In CI a missing one ends the whole test run.
 */
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import glob from "fast-glob";
import pc from "picocolors";
import { openPool } from "./servers/pool.ts";
import { debianPrograms } from "./servers/postgres.ts";

/** Variables through which the host would lead a test to its own sites, stores and servers. */
const HOST_VARIABLES =
  /^(STATE_DIRECTORY|RUNTIME_DIRECTORY|HOLDFAST_.*|CLARA|BACKUP_ROOT|LEGACY_ROOT|DB_ENGINE|DATABASE_URL|SHARD_SIZE_MB|PG[A-Z]+|MYSQL_.*|GIT_.*)$/;

export default async function setup(): Promise<() => Promise<void>> {
  const missing = tools().filter(({ tool }) => !installed(tool));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((one) => one.debian))].join(" ");
    const text = `missing for the tests: ${missing.map(({ tool }) => tool).join(", ")}\n  apt-get install ${packages}`;
    if (isCi()) throw new Error(text);
    process.stderr.write(`\n${pc.bold(pc.red(text))}\n  every test that needs one of them will fail\n\n`);
  }
  for (const name of Object.keys(process.env)) if (HOST_VARIABLES.test(name)) delete process.env[name];
  const state = mkdtempSync(join(tmpdir(), "holdfast-test-state-"));
  process.env.XDG_STATE_HOME = state;
  // Debian's psql and pg_dump are Perl scripts that start these: most of what a short query costs.
  const clients = debianPrograms();
  if (clients !== undefined) process.env.PATH = `${clients}${delimiter}${process.env.PATH ?? ""}`;
  const closePool = await openPool();
  return async () => {
    await closePool();
    rmSync(state, { recursive: true, force: true });
  };
}

/** Whether a missing tool ends the test run. */
export function isCi(): boolean {
  return !["", "0", "false"].includes(process.env.CI ?? "");
}

/** The lines of tools.txt, which `test.sh` reads too. */
function tools(): { tool: string; debian: string }[] {
  const lines = readFileSync(new URL("tools.txt", import.meta.url), "utf8").split("\n");
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [tool = "", debian = ""] = line.split(/\s+/);
      return { tool, debian };
    });
}

function installed(tool: string): boolean {
  if (tool.includes("/")) return glob.sync(tool).length > 0;
  const directories = `${process.env.PATH ?? ""}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter);
  return directories.some((directory) => {
    try {
      accessSync(join(directory, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
