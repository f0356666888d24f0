/**
 * Runs once before all tests: keeps them away from the host's own state and configuration, and says at the start, not in the
 * middle, which servers and tools are missing. In CI a missing one ends the whole test run.
 */
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import glob from "fast-glob";
import pc from "picocolors";

/** What the tests start: the program and the Debian package that brings it. Any path that the pattern matches will do. */
const TOOLS: readonly (readonly [program: string, debian: string, pattern?: string])[] = [
  ["pg_dump", "postgresql"],
  ["initdb", "postgresql", "/usr/lib/postgresql/*/bin/initdb"],
  ["mariadb-dump", "mariadb-server"],
  ["mariadbd", "mariadb-server", "/usr/sbin/mariadbd"],
  ["sqlite3", "sqlite3"],
  ["chromium", "chromium"],
  ["zip", "zip"],
  ["unzip", "unzip"],
  ["7z", "p7zip-full"],
  ["bsdtar", "libarchive-tools"],
  ["python3", "python3"],
  ["git", "git"],
  ["setpriv", "util-linux"],
  ["runuser", "util-linux", "/usr/sbin/runuser"],
  ["setfattr", "attr"],
  ["setfacl", "acl"],
  ["ps", "procps"],
  ["systemd-analyze", "systemd"],
];

/** Variables through which the host would lead a test to its own sites, stores and servers. */
const HOST_VARIABLES =
  /^(STATE_DIRECTORY|RUNTIME_DIRECTORY|HOLDFAST_.*|CLARA|BACKUP_ROOT|LEGACY_ROOT|DB_ENGINE|DATABASE_URL|SHARD_SIZE_MB|PG[A-Z]+|MYSQL_.*|GIT_.*)$/;

export default function setup(): () => void {
  const missing = TOOLS.filter(([program, , pattern]) => !installed(program, pattern));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map(([, debian]) => debian))].join(" ");
    const text = `missing for the tests: ${missing.map(([program]) => program).join(", ")}\n  apt-get install ${packages}`;
    if (isCi()) throw new Error(text);
    process.stderr.write(`\n${pc.bold(pc.red(text))}\n  every test that needs one of them will fail\n\n`);
  }
  for (const name of Object.keys(process.env)) if (HOST_VARIABLES.test(name)) delete process.env[name];
  const state = mkdtempSync(join(tmpdir(), "holdfast-test-state-"));
  process.env.XDG_STATE_HOME = state;
  return () => rmSync(state, { recursive: true, force: true });
}

function isCi(): boolean {
  return !["", "0", "false"].includes(process.env.CI ?? "");
}

function installed(program: string, pattern?: string): boolean {
  const directories = `${process.env.PATH ?? ""}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter);
  const candidates =
    pattern === undefined ? directories.map((directory) => join(directory, program)) : glob.sync(pattern);
  return candidates.some((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
