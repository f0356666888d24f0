/** Passwords of databases, from where the config says they are. They live in memory only. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../errors.ts";
import { runCommand } from "../exec/command.ts";
import type { SiteConfig } from "./load.ts";
import type { DatabaseSettings } from "./database-settings.ts";

/**
 * The configured password, or undefined where the client's own files (`.pgpass`, `.my.cnf`) or environment shall serve.
 */
export async function databasePassword(
  config: SiteConfig,
  database: DatabaseSettings,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (database.password_file !== undefined) return firstLine(path.resolve(config.root, database.password_file));
  if (database.password_command === undefined) return undefined;
  const { stdout } = await runCommand(database.password_command, {
    signal,
    cwd: config.root,
    code: "E_CONFIG",
    isSecret: true,
  });
  return stdout.split("\n")[0] ?? "";
}

function firstLine(file: string): string {
  try {
    return (readFileSync(file, "utf8").split("\n")[0] ?? "").replace(/\r$/, "");
  } catch (error) {
    throw new HoldfastError("E_CONFIG", `the password file ${file} cannot be read`, {
      hint: "check database.password_file and the rights of the backup user",
      cause: error,
    });
  }
}
