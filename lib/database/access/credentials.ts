/**
 * Passes a configured password to the client programs: by a file (0600, in a directory of mode 0700), or, if the
 * program runs behind a prefix and would not see our files, by the prefix's environment. Never in argv.
 */
import { accessSync, constants, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HoldfastError } from "../../errors.ts";
import type { DatabaseTarget } from "../snapshot.ts";
import { usualFiles } from "./my-cnf.ts";
import { privateDirectory } from "./private-directory.ts";

export interface Credentials {
  readonly env: Readonly<Record<string, string>>;
  /** The first arguments of every client program. */
  readonly args: readonly string[];
  /** Values that no error may show. */
  readonly secrets: readonly string[];
  remove(): void;
}

/** Returns the login for psql, pg_dump and pg_restore; without a password `.pgpass` and `PGPASSWORD` apply. */
export function postgresCredentials(target: DatabaseTarget, signal: AbortSignal): Credentials {
  const { password, execPrefix } = target;
  if (password === undefined) return none();
  if (execPrefix.length > 0) return { ...none(), env: { PGPASSWORD: password }, secrets: [password] };
  checkOneLine(password);
  const directory = privateDirectory(signal, runtimeDirectory());
  const file = join(directory.path, "pgpass");
  writeFileSync(file, `*:*:*:*:${password.replace(/[\\:]/g, "\\$&")}\n`, { mode: 0o600 });
  // libpq prefers PGPASSWORD; an empty one counts as none.
  return { env: { PGPASSFILE: file, PGPASSWORD: "" }, args: [], secrets: [password], remove: directory.remove };
}

/**
 * Returns the login for the MySQL and MariaDB clients. `~/.my.cnf` would override `--defaults-extra-file`, so they read
 * only our file, which includes the usual ones first. Without a configured password `.my.cnf` and `MYSQL_PWD` apply.
 */
export function mysqlCredentials(target: DatabaseTarget, signal: AbortSignal): Credentials {
  const { password, execPrefix } = target;
  if (password === undefined) return none();
  if (execPrefix.length > 0) return { ...none(), env: { MYSQL_PWD: password }, secrets: [password] };
  checkOneLine(password);
  const directory = privateDirectory(signal, runtimeDirectory());
  const file = join(directory.path, "my.cnf");
  const usual = usualFiles().filter(isReadable);
  const include = usual.map((path) => `!include ${path}\n`).join("");
  writeFileSync(file, `${include}[client]\npassword="${password.replace(/[\\"]/g, "\\$&")}"\n`, { mode: 0o600 });
  return { env: {}, args: [`--defaults-file=${file}`], secrets: [password], remove: directory.remove };
}

function none(): Credentials {
  return { env: {}, args: [], secrets: [], remove: () => {} };
}

/** systemd's RuntimeDirectory= is in memory and ends with the service. */
function runtimeDirectory(): string {
  return process.env.RUNTIME_DIRECTORY?.split(":")[0] || tmpdir();
}

function checkOneLine(password: string): void {
  if (!/[\n\r\0]/.test(password)) return;
  throw new HoldfastError("E_CONFIG", "the database password has more than one line", { hint: "check password_file" });
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
