/** Restores a migration package: everything is checked and staged first, then the data go in by one transaction, then the trees by renames. */
import { cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fromString } from "../../archive/path.ts";
import { unpackArchive } from "../../archive/unpack.ts";
import type { UnpackTarget } from "../../archive/unpack-writer.ts";
import type { DatabaseTarget } from "../../database/engine.ts";
import { describeUrl } from "../../database/open.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { ownerMap } from "../restore/owner-map.ts";
import type { OwnerRule } from "../restore/request.ts";
import { CONFIG, DATA, DUMP, STORAGE } from "./format.ts";
import { loadDump, loadPortable, type LoadOutcome } from "./load-data.ts";
import { openMigrationPackage, type OpenedPackage } from "./open.ts";
import { placeTrees, Staging, type PlaceRules } from "./places.ts";
import { treeFacts } from "./tree-facts.ts";

export interface PackageRestoreRequest {
  readonly file: string;
  readonly rules: PlaceRules;
  /** Undefined: the data are put below `rules.directory` and go into no database. */
  readonly database: DatabaseTarget | undefined;
  readonly owners: OwnerRule;
  readonly dryRun: boolean;
  readonly force: boolean;
}

export interface PackagePreview {
  readonly created_at: string;
  readonly source: OpenedPackage["manifest"]["source"];
  readonly users: string;
  readonly trees: readonly {
    readonly name: string;
    readonly to: string;
    readonly files: number;
    readonly bytes: number;
    readonly replaces: boolean;
  }[];
  /** Without a password. */
  readonly database: string | null;
  readonly rows: number;
}

export interface PackageOutcome {
  readonly preview: PackagePreview;
  readonly trees: readonly {
    readonly name: string;
    readonly to: string;
    readonly state: "unchanged" | "restored";
    readonly kept: string | null;
  }[];
  readonly data: LoadOutcome | null;
  /** What lies in the directory for somebody to look at. */
  readonly beside: readonly string[];
  readonly settings: readonly string[];
}

export interface PackageRestoreHooks {
  readonly signal: AbortSignal;
  readonly onPhase: (phase: string) => void;
  readonly onRows: (table: string, phase: string, rows: number) => void;
  /** Throws where nobody agrees. */
  readonly confirm: (preview: PackagePreview) => Promise<void>;
}

/**
 * Nothing is changed before everything was read, unpacked and compared; an error leaves the database and the trees as they were. Throws `E_PACKAGE`,
 * `E_VERIFY`, `E_SCHEMA`, `E_IMPORT`, `E_TARGET`, `E_USAGE`, `E_LOCKED`. Restoring the same package again changes nothing.
 */
export async function restorePackage(
  request: PackageRestoreRequest,
  hooks: PackageRestoreHooks,
): Promise<PackageOutcome> {
  hooks.onPhase("verifying");
  const opened = await openMigrationPackage(request.file, hooks.signal);
  const { manifest } = opened;
  const targets = placeTrees(manifest, request.rules);
  const preview = previewOf(opened, request, targets);
  await hooks.confirm(preview);
  const work = workDirectory();
  const stagings = request.dryRun ? [] : targets.map((target) => new Staging(target));
  const prepared: Staging[] = [];
  try {
    for (const staging of stagings) {
      staging.prepare();
      prepared.push(staging);
    }
    hooks.onPhase("unpacking");
    await unpack(opened, request, work, prepared, hooks.signal);
    const changed = await compareTrees(opened, prepared, hooks.signal);
    const data = await load(opened, request, work, hooks);
    if (request.dryRun) return { preview, trees: [], data, beside: [], settings: opened.checks.settings };
    hooks.onPhase("swapping");
    await swapAll(changed);
    const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "_");
    const trees = prepared.map((staging) => ({
      name: staging.target.name,
      to: staging.target.live,
      state: changed.includes(staging) ? ("restored" as const) : ("unchanged" as const),
      kept: staging.keep(stamp) ?? null,
    }));
    return { preview, trees, data, beside: putBeside(request, opened, work), settings: opened.checks.settings };
  } catch (error) {
    for (const staging of prepared.toReversed()) staging.discard();
    throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
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

async function unpack(
  { file, limits, manifest }: OpenedPackage,
  { owners }: PackageRestoreRequest,
  work: string,
  stagings: readonly Staging[],
  signal: AbortSignal,
): Promise<void> {
  const trees = stagings.map((staging): UnpackTarget => ({
    prefix: fromString(`${STORAGE}/${staging.target.name}`),
    into: fromString(staging.fresh),
  }));
  const own = [DATA, DUMP, CONFIG].map((name): UnpackTarget => ({
    prefix: name,
    into: fromString(path.join(work, name)),
    base: fromString(work),
  }));
  await unpackArchive({
    archive: file,
    format: "tgz",
    targets: [...trees, ...own],
    owners: ownerMap(owners, manifest.owners).forWorker,
    limits,
    cancelled: () => signal.aborted,
  });
  signal.throwIfAborted();
}

/** The staged trees against the checks; gives those that are not in their places already. */
async function compareTrees(
  { checks }: OpenedPackage,
  stagings: readonly Staging[],
  signal: AbortSignal,
): Promise<Staging[]> {
  const changed: Staging[] = [];
  for (const staging of stagings) {
    const { name, live } = staging.target;
    const wanted = checks.trees.find((one) => one.name === name);
    const found = await treeFacts(fromString(staging.fresh), signal);
    if (wanted === undefined || found.digest !== wanted.digest)
      throw new HoldfastError(
        "E_VERIFY",
        `checks failed: ${name} has ${found.files} files of ${found.bytes} bytes, the package ${wanted?.files ?? 0} of ${wanted?.bytes ?? 0}${wanted?.files === found.files && wanted.bytes === found.bytes ? ", and they are not the same" : ""}`,
        { hint: "nothing was changed" },
      );
    const isSame = existsSync(live) && (await treeFacts(fromString(live), signal)).digest === found.digest;
    if (!isSame) changed.push(staging);
  }
  return changed;
}

async function load(
  opened: OpenedPackage,
  { database, dryRun, force }: PackageRestoreRequest,
  work: string,
  { signal, onRows, onPhase }: PackageRestoreHooks,
): Promise<LoadOutcome | null> {
  if (database === undefined || opened.manifest.database === null) return null;
  onPhase("importing");
  const request = { target: database, directory: work, dryRun, force, onRows };
  return await (opened.manifest.database.kind === "dump" ? loadDump : loadPortable)(opened, request, signal);
}

/** All trees into their places, or none of them. The data are in by now: what asks to stop waits for these renames. */
async function swapAll(stagings: readonly Staging[]): Promise<void> {
  const done: Staging[] = [];
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
      hint: "the data are in, the trees are as they were: restore the package again when this is put right",
    });
  }
}

const WORK = /^holdfast-package-(\d+)-/;

/** For what goes into no tree. One that a killed process left is removed. */
function workDirectory(): string {
  for (const name of readdirSync(tmpdir())) {
    const [, pid] = WORK.exec(name) ?? [];
    const left = path.join(tmpdir(), name);
    if (pid === undefined || existsSync(`/proc/${pid}`) || lstatSync(left).uid !== process.getuid?.()) continue;
    rmSync(left, { recursive: true, force: true });
  }
  return mkdtempSync(path.join(tmpdir(), `holdfast-package-${process.pid}-`));
}

/** What goes into no database and to no place is put where it can be looked at: the data, and the host's configuration. */
function putBeside({ rules, database }: PackageRestoreRequest, { manifest }: OpenedPackage, work: string): string[] {
  const { directory } = rules;
  if (directory === undefined) return [];
  const isLoaded = database !== undefined && manifest.database !== null;
  const names = [...(isLoaded ? [] : [DATA, DUMP]), CONFIG].filter((name) => existsSync(path.join(work, name)));
  return names.map((name) => {
    const home = path.join(directory, ".holdfast", name);
    mkdirSync(path.dirname(home), { recursive: true, mode: 0o750 });
    rmSync(home, { recursive: true, force: true });
    cpSync(path.join(work, name), home, { recursive: true, preserveTimestamps: true });
    return home;
  });
}
