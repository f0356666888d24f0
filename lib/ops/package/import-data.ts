/** Imports a package's data into a database, and compares the result with the package's checks. */
import { databaseEngine } from "../../database/engines/registry.ts";
import path from "node:path";
import type { DatabaseTarget } from "../../database/snapshot.ts";
import { openRestorer } from "../../database/engines/open.ts";
import type { DatabaseRestorer } from "../../database/restorer.ts";
import { HoldfastError } from "../../errors.ts";
import { checkCompatibility, type CompatibilityReport } from "../../portable/compare/compatibility.ts";
import { connect } from "../../portable/engines/connect.ts";
import { importTables, type ImportResult } from "../../portable/import/run.ts";
import { isOrigin, openExport, type ExportReader } from "../../portable/read/export-reader.ts";
import type { TargetRefinement } from "../../portable/import/target/refinement.ts";
import { compareTables } from "../../portable/compare/tables.ts";
import { DATA } from "./format.ts";
import type { OpenedPackage } from "./open.ts";
import { plural } from "../../report/format.ts";

export interface LoadRequest {
  readonly target: DatabaseTarget;
  /** The directory that `data/` or `dump/` was unpacked into. */
  readonly directory: string;
  readonly dryRun: boolean;
  /** Continues despite warnings about the schema. */
  readonly force: boolean;
  readonly instance: string | undefined;
  readonly intoOther: boolean;
  /** The refinements of this host's config, as for any import. */
  readonly refine?: TargetRefinement;
  readonly onRows: (table: string, phase: string, rows: number) => void;
  /** Called after all checks passed, right before the database changes for good; throwing leaves it unchanged. */
  readonly beforeChange?: () => Promise<void>;
}

export interface LoadOutcome {
  readonly tables: ImportResult["tables"];
  /** The result of the config's `portable.map` and `portable.users`; absent for a dump. */
  readonly mapped?: ImportResult["mapped"];
  readonly created_disabled?: ImportResult["made"];
  readonly warnings: readonly string[];
  /** The name under which the replaced database is kept, for a dump. */
  readonly aside: string | null;
}

/**
 * Imports portable data in one transaction, and checks the result before the commit. Throws `E_SCHEMA` for incompatible
 * tables, `E_VERIFY` for a failed check, and the errors of an import; the database is unchanged then.
 */
export async function loadPortable(
  { checks }: OpenedPackage,
  { target, directory, dryRun, force, instance, intoOther, refine, onRows, beforeChange }: LoadRequest,
  signal: AbortSignal,
): Promise<LoadOutcome> {
  const opened = await openExport(path.join(directory, DATA), { verify: true, signal });
  const from: ExportReader = { ...opened, ...(refine && { refine }) };
  for (const { table, rows, digest } of from.manifest.tables) {
    const check = checks.tables.find((one) => one.table === table);
    if (check?.rows !== rows || check.digest !== digest)
      throw new HoldfastError("E_VERIFY", `checks failed: the data of ${table} differ from checks.json`, {
        hint: "nothing was changed; make or fetch the package again",
      });
  }
  const report = await compatibility(target, from, signal);
  if (report.problems.length > 0)
    throw new HoldfastError("E_SCHEMA", `the package is not compatible: ${report.problems.join("; ")}`, {
      hint: "run the application's migrations first, to create the tables",
    });
  if (report.warnings.length > 0 && !force && !dryRun)
    throw new HoldfastError("E_SCHEMA", `the package is compatible, with warnings: ${report.warnings.join("; ")}`, {
      hint: "use --force to restore despite them",
    });
  const connection = await connect(target, "write", signal);
  try {
    const result = await importTables(
      connection,
      from,
      {
        mode: "create-or-update",
        skipConflicts: false,
        dryRun,
        clearExisting: false,
        isOther: !intoOther && !isOrigin(from, instance),
      },
      {
        signal,
        onRows,
        beforeCommit: async ({ tables }) => {
          const failures: string[] = [];
          for (const { table, exported, found, same, mapped } of await compareTables(connection, from, signal)) {
            const skipped = mapped ? (tables.find((one) => one.table === table)?.skipped ?? 0) : 0;
            if (found + skipped < exported)
              failures.push(`${table} has ${plural(found, "row")}, but the package has ${exported}`);
            else if (!same && !mapped && found === exported && report.warnings.length === 0)
              failures.push(`${table} has the package's ${plural(found, "row")}, but with other content`);
          }
          if (failures.length > 0)
            throw new HoldfastError("E_VERIFY", `checks failed: ${failures.join("; ")}`, {
              hint: "nothing was changed",
            });
          await beforeChange?.();
        },
      },
    );
    const { tables, mapped, made } = result;
    return { tables, mapped, created_disabled: made, warnings: [...report.warnings, ...result.warnings], aside: null };
  } finally {
    await connection.close();
  }
}

async function compatibility(
  target: DatabaseTarget,
  from: ExportReader,
  signal: AbortSignal,
): Promise<CompatibilityReport> {
  const connection = await connect(target, "read", signal);
  try {
    return await checkCompatibility(connection, from);
  } finally {
    await connection.close();
  }
}

/**
 * Loads a dump beside the database, counts its rows, and exchanges the two; the previous database is kept under another
 * name. Throws `E_USAGE` for another engine, `E_RESTORE`, `E_VERIFY`; the database is unchanged then.
 */
export async function loadDump(opened: OpenedPackage, request: LoadRequest, signal: AbortSignal): Promise<LoadOutcome> {
  const restorer = await openRestorer(request.target, signal);
  try {
    if (!restorer.exchanges) return await reloadDump(restorer, opened, request, signal);
    if (request.dryRun)
      return { tables: [], warnings: await checkDump(restorer, opened, request.directory), aside: null };
    const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "_");
    const before = await restorer.present();
    const scratch = `${restorer.live}_holdfast_package`;
    const warnings = await loadBeside(restorer, opened, request.directory, scratch, signal);
    const aside = `${restorer.live}_before_${stamp}`;
    await restorer.exchange(scratch, aside);
    const isKept = before !== undefined && before.tables > 0;
    if (!isKept) await restorer.drop(aside);
    return { tables: [], warnings, aside: isKept ? aside : null };
  } finally {
    await restorer.close();
  }
}

/** Loads the dump into the database `scratch`, counts its rows, and returns warnings. Drops `scratch` on failure. */
export async function loadBeside(
  restorer: DatabaseRestorer,
  opened: OpenedPackage,
  directory: string,
  scratch: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const warnings = await checkDump(restorer, opened, directory);
  await restorer.load(dumpOf(opened, directory), scratch, {
    onBytes: () => signal.throwIfAborted(),
    restoreFlags: [],
  });
  try {
    compareCounts((await restorer.facts(scratch, { digests: true })).tables, opened.checks.tables);
    signal.throwIfAborted();
  } catch (error) {
    await restorer.drop(scratch);
    throw error;
  }
  return warnings;
}

/** Loads the dump into an empty database of an engine that cannot exchange databases. */
export async function reloadDump(
  restorer: DatabaseRestorer,
  opened: OpenedPackage,
  { directory, dryRun, beforeChange }: LoadRequest,
  signal: AbortSignal,
): Promise<LoadOutcome> {
  const warnings = await checkDump(restorer, opened, directory);
  if (dryRun) return { tables: [], warnings, aside: null };
  if (((await restorer.present())?.tables ?? 0) > 0)
    throw new HoldfastError("E_TARGET", `${restorer.live} holds tables, and this engine cannot rename a database`, {
      hint: "give an empty database with --database",
    });
  await beforeChange?.();
  await restorer.reload(dumpOf(opened, directory), { onBytes: () => signal.throwIfAborted(), restoreFlags: [] });
  compareCounts(
    (await restorer.facts(restorer.live, { digests: true })).tables,
    opened.checks.tables,
    "empty it, and make the package again",
  );
  return { tables: [], warnings, aside: null };
}

const dumpOf = ({ manifest }: OpenedPackage, directory: string): string =>
  path.join(directory, manifest.database?.dump ?? "");

async function checkDump(
  restorer: DatabaseRestorer,
  opened: OpenedPackage,
  directory: string,
): Promise<readonly string[]> {
  const wanted = opened.manifest.database?.engine;
  if (wanted !== undefined && databaseEngine(restorer.engine).family !== databaseEngine(wanted).family)
    throw new HoldfastError(
      "E_USAGE",
      `the package holds a dump of ${wanted}, but the database is ${restorer.engine}`,
      {
        hint: "make the package without --from-dump to restore it into any engine",
      },
    );
  return await restorer.check(dumpOf(opened, directory), { restoreFlags: [] });
}

function compareCounts(
  found: Readonly<Record<string, { readonly rows: number; readonly digest?: string | undefined }>>,
  wanted: OpenedPackage["checks"]["tables"],
  hint = "nothing was changed",
): void {
  const failures = wanted.flatMap(({ table, rows, digest }) => {
    const here = found[table];
    if (here?.rows !== rows) return [`${table} has ${here?.rows ?? "no"} rows, but the package has ${rows}`];
    return digest !== null && here.digest !== undefined && here.digest !== digest
      ? [`${table} has the package's ${plural(rows, "row")}, but with other content`]
      : [];
  });
  if (failures.length > 0)
    throw new HoldfastError("E_VERIFY", `checks failed: ${failures.join("; ")}`, {
      hint,
    });
}
