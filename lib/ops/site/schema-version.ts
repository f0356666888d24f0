/** Compares the schema of a backup with the one that the code expects: S7 of the feature table. */
import { existsSync } from "node:fs";
import { HoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import type { SiteConfig } from "../../config/load.ts";
import type { DatabaseSettings } from "../../config/settings/database.ts";
import { workingDirectory } from "./commands.ts";
import type { DatabaseFacts } from "../../database/snapshot.ts";

export interface SchemaComparison {
  /** `unknown`: the migrations that the code expects are not known, or the backup has no migration table. */
  readonly state: "exact" | "older" | "newer" | "unknown";
  /** The source of the expected migrations: the configured command, or the existing database. */
  readonly wantedFrom: "command" | "database" | null;
  /** Migrations that the code has and the backup lacks. */
  readonly toRun: readonly string[];
  /** Migrations that the backup has and the code lacks. */
  readonly unknownToCode: readonly string[];
}

/** The command may have to start the whole application. */
const TIMEOUT_MS = 10 * 60_000;

/**
 * Compares the migrations applied in the dump with those that `migrations_wanted` prints, or else those of the existing
 * database.
 */
export function compareSchema(
  recorded: DatabaseFacts["migrations"],
  wanted: { readonly from: "command" | "database"; readonly names: readonly string[] } | undefined,
): SchemaComparison {
  if (recorded === null || wanted === undefined)
    return { state: "unknown", wantedFrom: wanted?.from ?? null, toRun: [], unknownToCode: [] };
  const [has, wants] = [new Set(recorded.applied), new Set(wanted.names)];
  const toRun = wanted.names.filter((name) => !has.has(name));
  const unknownToCode = recorded.applied.filter((name) => !wants.has(name));
  const state = unknownToCode.length > 0 ? "newer" : toRun.length > 0 ? "older" : "exact";
  return { state, wantedFrom: wanted.from, toRun, unknownToCode };
}

/**
 * Returns the expected migrations: the output of the configured command, else the migrations of the existing database.
 */
export async function wantedMigrations(
  config: SiteConfig,
  settings: DatabaseSettings,
  present: DatabaseFacts["migrations"],
  signal: AbortSignal,
): Promise<{ from: "command" | "database"; names: string[] } | undefined> {
  if (settings.migrations_wanted === undefined)
    return present === null ? undefined : { from: "database", names: [...present.applied] };
  const argv = [...config.exec_prefix, ...settings.migrations_wanted];
  try {
    const { stdout } = await runCommand(argv, { signal, cwd: workingDirectory(config), timeout: TIMEOUT_MS });
    return { from: "command", names: parseMigrations(stdout) };
  } catch (error) {
    signal.throwIfAborted();
    // On a new host the code may be restored with, or after, the database; its migrations are unknown then, and
    // reported so.
    if (!existsSync(config.root)) return undefined;
    throw error;
  }
}

/**
 * Parses one migration per line, as `showmigrations --plan` (Django) and most tools print them: ignores a mark in
 * brackets before the name, and remarks after it. Also accepts a JSON array of names.
 */
export function parseMigrations(output: string): string[] {
  if (output.trimStart().startsWith("[") && output.trimEnd().endsWith("]")) {
    try {
      const parsed: unknown = JSON.parse(output);
      if (Array.isArray(parsed)) return parsed.map(String);
    } catch {
      // "[X]  app.0001_initial" begins with a bracket as well
    }
  }
  return output.split("\n").flatMap((line) => {
    const [, name] = /^\s*(?:\[[ xX]?\]\s*)?([^\s#]+)/.exec(line) ?? [];
    return name === undefined ? [] : [name];
  });
}

/** Throws `E_SCHEMA` for a backup that is newer than the code. */
export function assertSchemaNotNewer(unit: string, { state, unknownToCode }: SchemaComparison, allowed: boolean): void {
  if (state !== "newer" || allowed) return;
  const some = unknownToCode.slice(0, 3).join(", ");
  const more = unknownToCode.length > 3 ? ` and ${unknownToCode.length - 3} more` : "";
  throw new HoldfastError(
    "E_SCHEMA",
    `the backup of ${unit} has migrations that the code does not know: ${some}${more}`,
  );
}
