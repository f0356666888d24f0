/** Which schema the backup has, against the one that the code wants: S7 of the feature table. */
import { existsSync } from "node:fs";
import { HoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import type { SiteConfig } from "../../config/load.ts";
import type { DatabaseSettings } from "../../config/schema.ts";
import { workingDirectory } from "./commands.ts";
import type { DatabaseFacts } from "../../database/snapshot.ts";

export interface SchemaComparison {
  /** `unknown`: nothing says what the code wants, or the backup has no migration table. */
  readonly state: "exact" | "older" | "newer" | "unknown";
  /** Who said what is wanted: the configured command, or the database that is there. */
  readonly wantedFrom: "command" | "database" | null;
  /** Migrations that the code has and the backup does not. */
  readonly toRun: readonly string[];
  /** Migrations that the backup has and the code does not. */
  readonly unknownToCode: readonly string[];
}

/** The command may have to start the whole application. */
const TIMEOUT_MS = 10 * 60_000;

/**
 * Compares the migrations that the dump has applied with those that the code knows, as `migrations_wanted` prints them, else with those of the
 * database that is there.
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

/** What the code wants: the configured command's answer, else what the present database has applied. */
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
    // On a new host the code may come only with, or after, the restore: what it wants is not known then, and said to be so.
    if (!existsSync(config.root)) return undefined;
    throw error;
  }
}

/**
 * One migration a line, as `showmigrations --plan` (Django) and most tools' listings print them: a mark in brackets before the name and remarks
 * after it are passed over. A JSON array of names is one as well.
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
export function refuseNewerSchema(unit: string, { state, unknownToCode }: SchemaComparison, allowed: boolean): void {
  if (state !== "newer" || allowed) return;
  const some = unknownToCode.slice(0, 3).join(", ");
  const more = unknownToCode.length > 3 ? ` and ${unknownToCode.length - 3} more` : "";
  throw new HoldfastError(
    "E_SCHEMA",
    `the backup of ${unit} has migrations that the code does not know: ${some}${more}`,
  );
}
