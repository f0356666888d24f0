/** Reads restored trees back from disk and compares them with each unit's record. */
import { createHash } from "node:crypto";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { streamRegular } from "../../archive/files/regular-file.ts";
import { ContentDigest } from "../../archive/content-digest.ts";
import type { BytePath, Entry, Xattrs } from "../../archive/entry.ts";
import { excludeTest, type ExcludeRules } from "../../archive/tree/exclude-rules.ts";
import { readEntryList } from "../../archive/entry-list.ts";
import { basename, display, isBelow, join, toBuffer } from "../../archive/path.ts";
import { lstatEntry, statRoot, walk } from "../../archive/tree/walk.ts";
import { HoldfastError } from "../../errors.ts";
import type { UnitMetadata } from "../../model/unit.ts";
import { PLACES_FILE } from "../../store/run/places.ts";
import { joined } from "../../steps/compiled/step.ts";
import { labelOf, looseNames, type ArchivePart } from "../runs/unit-items.ts";
import type { RestorePlan } from "../restore/plan/restore-plan.ts";
import { pathExists } from "../../archive/tree/path-exists.ts";
import { comparable, differXattrs, treeXattrs } from "../checks/xattrs.ts";
import { differenceOf, headersOf, placesDifference, timesIn, type Header } from "./attributes.ts";
import { plural } from "../../report/format.ts";

/** The restored trees of one unit. */
export interface RestoredTree {
  readonly label: string;
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  readonly bytes: number;
  /** The first difference; null if there is none. */
  readonly difference: string | null;
  /** False if the run has no record to compare with. */
  readonly proved: boolean;
}

type Counts = { files: number; directories: number; symlinks: number; bytes: number };

/**
 * Reads every restored file of the plan again, and compares modes, owners and times of files and directories. Owners
 * are compared as root only. Throws only on abort.
 */
export async function compareTrees(
  plan: RestorePlan,
  units: readonly UnitMetadata[],
  signal: AbortSignal,
): Promise<RestoredTree[]> {
  const comparison = new TreeComparison(plan, signal);
  const results: RestoredTree[] = [];
  for (const { label, parts, directoryTimes, rules } of plan.items.trees) {
    const counts: Counts = { files: 0, directories: 0, symlinks: 0, bytes: 0 };
    try {
      const unit = units.find((one) => labelOf(one) === label);
      results.push(
        directoryTimes === undefined
          ? {
              label,
              ...(await comparison.byDigest(parts, rules, unit?.input.content_digest ?? null, counts)),
              ...counts,
            }
          : { label, ...(await comparison.byLists(parts, directoryTimes.list, counts)), ...counts },
      );
    } catch (error) {
      signal.throwIfAborted();
      const difference = error instanceof Error ? error.message : String(error);
      results.push({ label, ...counts, difference, proved: true });
    }
  }
  const difference = placesDifference(plan, (staged) => livePlace(plan, staged));
  if (difference === null) return results;
  return [...results, { label: PLACES_FILE, ...NOTHING, difference, proved: true }];
}

const NOTHING: Counts = { files: 0, directories: 0, symlinks: 0, bytes: 0 };

type Result = Pick<RestoredTree, "difference" | "proved">;

class TreeComparison {
  readonly #plan: RestorePlan;
  readonly #signal: AbortSignal;
  /** The restored paths of the plan, each of which is compared by itself alone. */
  readonly #places: ReadonlySet<BytePath>;
  /** The files beside projects: units of their own, in a directory that may be part of another tree. */
  readonly #loose: ReadonlySet<BytePath>;

  constructor(plan: RestorePlan, signal: AbortSignal) {
    this.#plan = plan;
    this.#signal = signal;
    const [places, loose]: [BytePath[], BytePath[]] = [[join(plan.root, ".holdfast")], []];
    for (const { part, targets } of plan.unpacks)
      for (const [index, { into }] of targets.entries()) {
        const live = livePlace(plan, into);
        if (part.targets[index]?.place.loose !== true) places.push(live);
        else for (const name of looseNames(path.join(plan.directory, part.artifact))) loose.push(join(live, name));
      }
    for (const to of [...plan.copies.map((one) => one.to), ...plan.directories]) places.push(livePlace(plan, to));
    this.#places = new Set(places);
    this.#loose = new Set(loose);
  }

  /** Compares by content digest, over each archive's trees in order. */
  async byDigest(
    parts: readonly ArchivePart[],
    rules: ExcludeRules | undefined,
    recorded: string | null,
    counts: Counts,
  ): Promise<Result> {
    const digests: string[] = [];
    for (const part of parts) digests.push(await this.#digestOf(part, rules, counts));
    if (recorded === null) return { difference: null, proved: false };
    const found = joined(digests);
    return {
      difference: found === recorded ? null : `the content digest is ${found}, but ${recorded} was recorded`,
      proved: true,
    };
  }

  async #digestOf(part: ArchivePart, rules: ExcludeRules | undefined, counts: Counts): Promise<string> {
    const owners = process.getuid?.() === 0 ? undefined : await headersOf(this.#plan.directory, part, this.#signal);
    const digest = new ContentDigest();
    const xattrs = await this.#xattrsOf(part);
    for (const { entry, absolute } of this.#entriesOf(part, rules)) {
      count(counts, entry);
      const recorded = owners?.get(entry.path);
      const sha256 = entry.type === "file" ? await this.#hash(absolute) : null;
      const owner = recorded && { uid: recorded.uid, gid: recorded.gid };
      digest.add({ ...entry, ...owner, xattrs: comparable(xattrs.get(absolute), recorded?.xattrs) }, sha256);
    }
    return digest.finish();
  }

  /** Returns the extended attributes of the restored entries, if the archive recorded any. */
  async #xattrsOf(part: ArchivePart): Promise<ReadonlyMap<BytePath, Xattrs>> {
    if (!part.xattrs) return new Map();
    const roots = new Set(this.#targetsOf(part).map(({ into }) => into));
    return await treeXattrs([...roots], this.#signal);
  }

  /** Checks whether a path below a tree belongs to another unit. */
  #isOther(tree: BytePath, below: BytePath, isLoose = false): boolean {
    if (below === "") return false;
    const absolute = join(tree, below);
    return this.#places.has(absolute) || (!isLoose && this.#loose.has(absolute));
  }

  /** Yields the restored entries of an archive from disk, in the archive's order and with their paths in it. */
  *#entriesOf(part: ArchivePart, rules: ExcludeRules | undefined): Generator<{ entry: Entry; absolute: BytePath }> {
    for (const { prefix, place, into } of this.#targetsOf(part)) {
      const root = statRoot(into);
      if (root.type !== "directory") {
        yield { entry: { ...root, path: prefix === "" ? basename(into) : prefix }, absolute: into };
        continue;
      }
      if (place.loose !== true) yield { entry: { ...root, path: prefix }, absolute: into };
      // A directory that the rules exclude exists again if another unit is inside it.
      const isLeftOut = rules === undefined ? () => false : excludeTest(into, rules);
      const exclude = (below: BytePath, _type: unknown, entry: Entry): boolean =>
        this.#isOther(into, below, place.loose) || isLeftOut(entry);
      for (const entry of walk(into, { exclude, files: place.loose ?? false }))
        yield { entry: { ...entry, path: join(prefix, entry.path) }, absolute: join(into, entry.path) };
    }
  }

  #targetsOf(part: ArchivePart) {
    const unpack = this.#plan.unpacks.find((one) => one.part.artifact === part.artifact);
    return part.targets.map(({ prefix, place }, index) => {
      const into = unpack?.targets[index]?.into;
      if (into === undefined) throw new HoldfastError("E_INTERNAL", `${part.artifact} was not unpacked`);
      return { prefix, place, into: livePlace(this.#plan, into) };
    });
  }

  /**
   * Compares the layers of the audio cache: each entry with the last layer that has it. A file in no list is a
   * difference.
   */
  async byLists(parts: readonly ArchivePart[], times: string, counts: Counts): Promise<Result> {
    let expected = 0;
    const wrong: string[] = [];
    const directories = new Map<BytePath, Header>();
    for (const part of parts) {
      const [target] = this.#targetsOf(part);
      if (target === undefined) continue;
      const headers = await headersOf(this.#plan.directory, part, this.#signal);
      const xattrs = await this.#xattrsOf(part);
      const skip = new Set(part.skip);
      const list = path.join(this.#plan.directory, part.artifact.replace(/\.tgz$/, ".files.jsonl"));
      for (const listed of readEntryList(list)) {
        if (skip.has(listed.path) || listed.path === "") continue;
        const absolute = join(target.into, listed.path);
        if (listed.type === "file") expected++;
        const entry = pathExists(absolute) ? lstatEntry(absolute, listed.path) : undefined;
        if (entry?.type !== listed.type) wrong.push(`${display(listed.path)} is missing`);
        else if (listed.type === "file" && (await this.#hash(absolute)) !== listed.sha256)
          wrong.push(`${display(listed.path)} differs from the record`);
        const header = headers.get(listed.path);
        if (header === undefined || entry === undefined) continue;
        if (differXattrs(comparable(xattrs.get(absolute), header.xattrs), header.xattrs))
          wrong.push(`${display(listed.path)} has other extended attributes`);
        if (listed.type === "directory") directories.set(listed.path, header);
        else wrong.push(...differenceOf(entry, header, this.#plan.owners));
      }
    }
    const [into] = parts.flatMap((part) => this.#targetsOf(part));
    const newest = timesIn(times);
    if (into !== undefined) wrong.push(...this.#wrongDirectories(into.into, directories, newest));
    const exclude = (below: BytePath): boolean => into !== undefined && this.#isOther(into.into, below);
    if (into !== undefined) for (const entry of walk(into.into, { exclude })) count(counts, entry);
    if (counts.files > expected)
      wrong.push(
        `${plural(counts.files, "file exists", "files exist")}, but ${plural(expected, "was", "were")} recorded`,
      );
    const more = wrong.length > 1 ? ` (and ${wrong.length - 1} more)` : "";
    return { difference: wrong[0] === undefined ? null : wrong[0] + more, proved: true };
  }

  #wrongDirectories(
    root: BytePath,
    directories: ReadonlyMap<BytePath, Header>,
    newest: ReadonlyMap<BytePath, bigint>,
  ): string[] {
    return [...directories].flatMap(([name, header]) => {
      const absolute = join(root, name);
      if (!pathExists(absolute)) return []; // reported as missing
      const mtime = newest.get(name) ?? header.mtime;
      return differenceOf(lstatEntry(absolute, name), { ...header, mtime }, this.#plan.owners);
    });
  }

  async #hash(file: BytePath): Promise<string> {
    const hash = createHash("sha256");
    await pipeline(
      streamRegular(toBuffer(file), "E_VERIFY", { highWaterMark: 1 << 18 }),
      async (source: AsyncIterable<Buffer>) => {
        for await (const chunk of source) hash.update(chunk);
      },
      { signal: this.#signal },
    );
    return hash.digest("hex");
  }
}

/** Returns the final path, after the swap, of a staged file. */
export function livePlace(plan: RestorePlan, staged: BytePath): BytePath {
  const swap = plan.targets.swaps.find(({ fresh }) => staged === fresh || isBelow(staged, fresh));
  return swap === undefined ? staged : swap.live + staged.slice(swap.fresh.length);
}

function count(counts: Counts, { type, size }: Entry): void {
  if (type === "directory") counts.directories++;
  else if (type === "symlink") counts.symlinks++;
  else if (type === "file") {
    counts.files++;
    counts.bytes += size;
  }
}
