/**
 * Restores a migration package: checks and stages everything first, then imports the data in one transaction and
 * renames the trees.
 */
import { cpSync, existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";
import { describeUrl } from "../../database/engines/registry.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { assertNothingPending } from "../journals/pending.ts";
import { CONFIG, DATA, DUMP } from "./format.ts";
import { restoreInPlace } from "./in-place.ts";
import { loadDump, loadPortable, type LoadOutcome } from "./import-data.ts";
import { openMigrationPackage, type OpenedPackage } from "./open.ts";
import { placeTrees, TreeStaging } from "./tree-targets.ts";
import type { PackageOutcome, PackagePreview, PackageRestoreHooks, PackageRestoreRequest } from "./request.ts";
import { compareTrees, unpack, workDirectory } from "./stage.ts";

/**
 * Restores a package; nothing changes before everything was read, unpacked and compared. An error leaves the database
 * and the trees unchanged. Throws `E_PACKAGE`, `E_VERIFY`, `E_SCHEMA`, `E_IMPORT`, `E_TARGET`, `E_USAGE`, `E_LOCKED`;
 * in place also `E_PENDING`, `E_SAFETY`. Restoring the same package again changes nothing.
 */
export async function restorePackage(
  request: PackageRestoreRequest,
  hooks: PackageRestoreHooks,
): Promise<PackageOutcome> {
  if (request.inPlace !== undefined) assertNothingPending(request.inPlace.store);
  hooks.onPhase("verifying");
  const opened = await openMigrationPackage(request.file, hooks.signal);
  const targets = placeTrees(opened.manifest, request.rules);
  const preview = previewOf(opened, request, targets);
  await hooks.confirm(preview);
  const { inPlace } = request;
  if (inPlace !== undefined && !request.dryRun)
    return await restoreInPlace({ opened, request, inPlace, targets, preview }, hooks);
  const work = workDirectory();
  const stagings = request.dryRun ? [] : targets.map((target) => new TreeStaging(target));
  const prepared: TreeStaging[] = [];
  try {
    for (const staging of stagings) {
      staging.prepare();
      prepared.push(staging);
    }
    hooks.onPhase("unpacking");
    await unpack(opened, request, work, prepared, hooks.signal);
    const changed = await compareTrees(opened, prepared, hooks.signal);
    const data = await load(opened, request, work, hooks);
    const outcome = { preview, data, settings: opened.checks.settings, restore: null, safety_run: null, kept: false };
    if (request.dryRun) return { ...outcome, trees: [], beside: [] };
    hooks.onPhase("swapping");
    await swapAll(changed);
    const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "_");
    const trees = prepared.map((staging) => ({
      name: staging.target.name,
      to: staging.target.live,
      state: changed.includes(staging) ? ("restored" as const) : ("unchanged" as const),
      kept: staging.keep(stamp) ?? null,
    }));
    return { ...outcome, trees, beside: putBeside(request, opened, work) };
  } catch (error) {
    for (const staging of prepared.toReversed()) staging.discard();
    throw error;
  } finally {
    removeTree(fromString(work));
  }
}

function previewOf(
  { manifest, checks }: OpenedPackage,
  { database }: PackageRestoreRequest,
  targets: ReturnType<typeof placeTrees>,
): PackagePreview {
  return {
    created_at: manifest.created_at,
    source: manifest.source,
    users: manifest.users,
    trees: targets.map(({ name, live }) => {
      const facts = checks.trees.find((one) => one.name === name);
      return { name, to: live, files: facts?.files ?? 0, bytes: facts?.bytes ?? 0, replaces: existsSync(live) };
    }),
    database: database === undefined || manifest.database === null ? null : describeUrl(database.url).database,
    rows: checks.tables.reduce((sum, { rows }) => sum + rows, 0),
  };
}

async function load(
  opened: OpenedPackage,
  { database, dryRun, force, instance, intoOther, refine }: PackageRestoreRequest,
  work: string,
  { signal, onRows, onPhase }: PackageRestoreHooks,
): Promise<LoadOutcome | null> {
  if (database === undefined || opened.manifest.database === null) return null;
  onPhase("importing");
  const request = { target: database, directory: work, dryRun, force, instance, intoOther, refine, onRows };
  return await (opened.manifest.database.kind === "dump" ? loadDump : loadPortable)(opened, request, signal);
}

/** Swaps in all trees, or none of them. The data are committed by now, so an abort waits for these renames. */
async function swapAll(stagings: readonly TreeStaging[]): Promise<void> {
  const done: TreeStaging[] = [];
  try {
    for (const staging of stagings) {
      done.push(staging);
      await staging.swap();
    }
  } catch (error) {
    for (const staging of done.toReversed()) await staging.undo();
    const { code, message } = asHoldfastError(error, "E_IO");
    throw new HoldfastError(code, message, {
      cause: error,
      hint: "the data are imported, the trees unchanged: correct the cause and restore the package again",
    });
  }
}

/**
 * Writes what goes neither into a database nor into a tree where it can be inspected: the data, and the host's
 * configuration.
 */
function putBeside({ rules, database }: PackageRestoreRequest, { manifest }: OpenedPackage, work: string): string[] {
  const { directory } = rules;
  if (directory === undefined) return [];
  const isLoaded = database !== undefined && manifest.database !== null;
  const names = [...(isLoaded ? [] : [DATA, DUMP]), CONFIG].filter((name) => existsSync(path.join(work, name)));
  return names.map((name) => {
    const home = path.join(directory, ".holdfast", name);
    mkdirSync(path.dirname(home), { recursive: true, mode: 0o750 });
    removeTree(fromString(home));
    cpSync(path.join(work, name), home, { recursive: true, preserveTimestamps: true });
    return home;
  });
}
