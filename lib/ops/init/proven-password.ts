/** Chooses the command that prints a database's password, by running it. */
import { runCommand } from "../../exec/command.ts";
import type { FoundDatabase } from "./sources/application.ts";

/** A database as the config will have it. */
export interface ConfiguredDatabase {
  readonly url: string;
  readonly passwordCommand?: readonly string[];
  readonly passwordFile?: string;
  /** The file that holds the password, if no command prints it. */
  readonly unprinted?: string;
}

/** Returns the database with the first command whose first line of output is the password. */
export async function proveDatabase(
  { url, password }: FoundDatabase,
  signal: AbortSignal,
): Promise<ConfiguredDatabase> {
  if (password === undefined) return { url };
  if (!("commands" in password)) return { url, passwordFile: password.file };
  for (const command of password.commands)
    if (await prints(command, password.value, signal)) return { url, passwordCommand: command };
  return { url, unprinted: password.file };
}

async function prints(command: readonly string[], value: string, signal: AbortSignal): Promise<boolean> {
  try {
    const { stdout } = await runCommand(command, { signal, secrets: [value] });
    return stdout.split("\n")[0] === value && stdout.trimEnd() === value.trimEnd();
  } catch {
    signal.throwIfAborted();
    return false; // sed rejects the expression, so it is not a usable command
  }
}
