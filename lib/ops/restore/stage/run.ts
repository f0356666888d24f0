/**
 * Stages the content of a restore: unpacks and copies it beside its destination, with owners, modes and times as they
 * were.
 */
import { chmodSync, chownSync, constants, copyFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { BytePath } from "../../../archive/entry.ts";
import { dirname, display, isBelow, toBuffer } from "../../../archive/path.ts";
import { WorkerPool } from "../../../archive/pool.ts";
import { SafeDirectories } from "../../../archive/unpack/safe-directories.ts";
import type { SharedDirectories } from "../../../archive/unpack/directories.ts";
import type { UnpackRequest, UnpackResult } from "../../../archive/unpack/request.ts";
import { asHoldfastError, HoldfastError, isDiskFull } from "../../../errors.ts";
import { resolveModule } from "../../../exec/build-output.ts";
import { syncFileSystem } from "../../../store/files/sync.ts";
import { Bases } from "./bases.ts";
import { applyDirectories, sharedWith } from "./directories.ts";
import type { ArchivePart } from "../../runs/unit-items.ts";
import type { RestorePlan } from "../plan/restore-plan.ts";
import { pathExists } from "../../../archive/tree/path-exists.ts";
import { plural } from "../../../report/format.ts";

const WORKER = "lib/ops/restore/stage/worker";

/** More entries than any site has: the limit for an archive bomb. */
const MAX_ENTRIES = 50_000_000;
/** No path that Linux accepts has more components: PATH_MAX is 4096 bytes, and each takes two. */
const MAX_DEPTH = 2048;
/** Bytes allowed beyond the recorded size of a unit, for content that is not counted as input. */
const SLACK_BYTES = 64 * 1024 * 1024;

type UnpackTask = Omit<UnpackRequest, "cancelled" | "onBytes">;

export interface StageOptions {
  readonly signal: AbortSignal;
  readonly workers: number;
  /** Called with the bytes of content written so far. */
  readonly onBytes: (bytes: number) => void;
  /** Called with what could not be restored as it was. */
  readonly warn: (text: string) => void;
}

/**
 * Makes the staging directories, and unpacks and copies everything of the plan into them.
 * Throws `E_VERIFY` if the content is not what was recorded, `E_ARCHIVE` for a hostile or damaged archive,
 * `E_NO_SPACE`. The caller removes what was written.
 */
export async function stage(plan: RestorePlan, options: StageOptions): Promise<void> {
  const bases = new Bases(plan.targets.bases);
  try {
    await fill(bases.held(plan), bases.paths, { ...options, warn: (text) => options.warn(bases.inText(text)) });
    for (const { live, fresh } of plan.targets.swaps)
      if (!pathExists(fresh)) throw new HoldfastError("E_VERIFY", `the archives hold nothing for ${display(live)}`);
  } catch (error) {
    throw bases.named(error);
  } finally {
    bases.close();
  }
}

/** Writes everything into the staging directories. */
async function fill(plan: RestorePlan, bases: readonly BytePath[], options: StageOptions): Promise<void> {
  const solid = new Map(bases.map((base) => [base, new SafeDirectories(base)]));
  const solidAt = (place: BytePath): SafeDirectories => solid.get(baseOf(bases, place)) ?? noBase(place);
  const shared = await unpackAll(plan, bases, options);
  // From here on, an unpacked link may be anywhere: no path is resolved through one.
  for (const { from, to } of plan.moves) {
    if (!pathExists(from)) throw new HoldfastError("E_VERIFY", `${display(from)} is missing from its archive`);
    solidAt(to).make(dirname(to));
    renameSync(toBuffer(from), toBuffer(to));
  }
  for (const copy of plan.copies) {
    solidAt(copy.to).make(dirname(copy.to));
    writeCopy(copy, plan.directory);
  }
  for (const to of plan.directories) solidAt(to).make(to);
  applyDirectories(plan, shared, solidAt);
  // One call for each file system: syncing many small files one by one would be too slow.
  // Each is named by its open handle, which the program finds under the id of this process.
  for (const base of bases) await syncFileSystem(base.replace("/self/", `/${process.pid}/`), options.signal, "E_IO");
}

const baseOf = (bases: readonly BytePath[], place: BytePath): BytePath =>
  bases.find((base) => place === base || isBelow(place, base)) ?? noBase(place);

function noBase(place: BytePath): never {
  throw new HoldfastError("E_INTERNAL", `${display(place)} has no staging directory`);
}

/** Returns the directories that archives share, in the order of the plan. */
async function unpackAll(
  plan: RestorePlan,
  bases: readonly BytePath[],
  options: StageOptions,
): Promise<SharedDirectories[]> {
  const pool = new WorkerPool<UnpackTask, UnpackResult>(
    pathToFileURL(resolveModule(WORKER)),
    options.workers,
    options.signal,
  );
  let total = 0;
  const shared = sharedWith(plan);
  try {
    // The largest first, so that no thread is left with one when the others are done.
    const largestFirst = plan.unpacks.toSorted((a, b) => b.bytes - a.bytes);
    const results = await Promise.allSettled(
      largestFirst.map(async (unpack) => {
        const { part, targets, label, bytes } = unpack;
        const task: UnpackTask = {
          archive: path.join(plan.directory, part.artifact),
          format: part.format,
          targets: targets.map((target) => ({ ...target, base: baseOf(bases, target.into) })),
          ...(part.only === undefined ? {} : { only: part.only }),
          ...(part.skip === undefined ? {} : { skip: part.skip }),
          ...(part.reserved === undefined ? {} : { reserved: part.reserved }),
          ...(part.sidecar === undefined ? {} : { sidecar: path.join(plan.directory, part.sidecar) }),
          shared: shared(targets),
          owners: plan.owners.forWorker,
          limits: { bytes: bytes * 2 + SLACK_BYTES, entries: part.entries ?? MAX_ENTRIES, depth: MAX_DEPTH },
        };
        const result = await pool.run(task, (more) => options.onBytes((total += more)));
        checkContent(part, label, result);
        for (const warning of result.warnings) options.warn(`${label}: ${warning}`);
        return { unpack, shared: result.shared };
      }),
    );
    options.signal.throwIfAborted();
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw asHoldfastError(failed.reason, "E_IO");
    const done = new Map(
      results.flatMap((result) => (result.status === "fulfilled" ? [[result.value.unpack, result.value.shared]] : [])),
    );
    return plan.unpacks.flatMap((unpack) => done.get(unpack) ?? []);
  } finally {
    await pool.close();
  }
}

function checkContent(part: ArchivePart, label: string, { contentDigest, entries }: UnpackResult): void {
  if (part.entries !== undefined && part.only === undefined && part.entries !== entries)
    throw new HoldfastError(
      "E_VERIFY",
      `${label}: ${part.artifact} holds ${plural(entries, "entry")}, but ${plural(part.entries, "was", "were")} recorded`,
    );
  if (part.contentDigest !== null && contentDigest !== null && part.contentDigest !== contentDigest)
    throw new HoldfastError("E_VERIFY", `${label}: the content of ${part.artifact} is not what was recorded`);
}

function writeCopy(copy: RestorePlan["copies"][number], directory: string): void {
  const to = toBuffer(copy.to);
  try {
    if ("text" in copy) writeFileSync(to, toBuffer(copy.text), { flag: "wx", mode: 0o600 });
    else copyFileSync(path.join(directory, copy.artifact), to, constants.COPYFILE_EXCL);
    chmodSync(to, 0o600);
    if ("text" in copy && copy.like !== undefined) {
      chownSync(to, copy.like.uid, copy.like.gid);
      chmodSync(to, copy.like.mode & 0o7777);
    }
  } catch (error) {
    if (isDiskFull(error))
      throw new HoldfastError("E_NO_SPACE", `the disk is full: ${display(copy.to)}`, { cause: error });
    throw asHoldfastError(error, "E_IO");
  }
}
