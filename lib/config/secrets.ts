/** Secrets of databases and alert routes, from where the config says they are. They live in memory only. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../errors.ts";
import { runCommand } from "../exec/command.ts";
import type { SiteConfig } from "./load.ts";
import type { DatabaseSettings } from "./settings/database.ts";

/** The three ways in which a config gives a secret. */
export interface SecretSource {
  /** The key of the secret, for errors: `database.password`. */
  readonly key: string;
  readonly value?: string | undefined;
  readonly file?: string | undefined;
  readonly command?: readonly string[] | undefined;
}

/**
 * The configured password, or undefined where the client's own files (`.pgpass`, `.my.cnf`) or environment shall serve.
 */
export async function databasePassword(
  config: SiteConfig,
  database: DatabaseSettings,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { password_file: file, password_command: command } = database;
  return await readSecret(config, { key: "database.password", file, command }, signal);
}

/** Returns a secret, the first line of its file or output; undefined if none is configured. Throws `E_CONFIG`. */
export async function readSecret(
  { root }: Pick<SiteConfig, "root">,
  { key, value, file, command }: SecretSource,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (value !== undefined) return value;
  if (file !== undefined) return firstLine(path.resolve(root, file), key);
  if (command === undefined) return undefined;
  const { stdout } = await runCommand(command, { signal, cwd: root, code: "E_CONFIG", isSecret: true });
  return stdout.split("\n")[0] ?? "";
}

function firstLine(file: string, key: string): string {
  try {
    return (readFileSync(file, "utf8").split("\n")[0] ?? "").replace(/\r$/, "");
  } catch (error) {
    const kind = key.split(".").at(-1) ?? key;
    throw new HoldfastError("E_CONFIG", `the ${kind} file ${file} cannot be read`, {
      hint: `check ${key}_file and the rights of the backup user`,
      cause: error,
    });
  }
}
