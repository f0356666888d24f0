/**
 * Compares the content of a run with the live trees, entry by entry.
 * Another size or time, a deleted or a new file is a change by the site: drift. Other content under the recorded size
 * and time is damage, either to the archive or to the site's disk.
 */
import { createHash } from "node:crypto";
import path from "node:path";
import type { BytePath, Entry } from "../../../archive/entry.ts";
import { pathExists } from "../../../archive/tree/path-exists.ts";
import { excludeTest } from "../../../archive/tree/exclude-rules.ts";
import { readEntryList } from "../../../archive/entry-list.ts";
import { basename, display, fromString, join } from "../../../archive/path.ts";
import { verifyTgz } from "../../../archive/tar/tgz-reader.ts";
import { readZipDirectory } from "../../../archive/zip/directory.ts";
import { lstatEntry, statRoot, walk } from "../../../archive/tree/walk.ts";
import type { SiteConfig } from "../../../config/load.ts";
import { asHoldfastError, systemCode } from "../../../errors.ts";
import { metadataSchema, type UnitMetadata } from "../../../model/unit.ts";
import { placesOf } from "../../../store/run/places.ts";
import { formatBytes } from "../../../report/format.ts";
import { infraOf, itemsOf, type ArchivePart, type TreeItem } from "../../runs/unit-items.ts";
import { messageOf } from "../stored/archives.ts";
import { onSite } from "../../site/on-site.ts";
import { readContent } from "./read-content.ts";
import { driftOf } from "./projects-and-rows.ts";
import { tryRead, type RunInventory, type UnitRecord } from "../inventory/run-inventory.ts";
import { count, type Finding, type Problem } from "../../checks/check.ts";
import { changedXattrs } from "./xattrs.ts";
import { attributeChanges, UNKNOWN, type Recorded } from "./attributes.ts";

/** The number of units compared unless part of the run is requested. */
const UNITS = 20;

/** Compares `units` with the site; the other units are read only to recognize their files, which are not new. */
export async function checkLiveTrees(
  survey: RunInventory,
  config: SiteConfig,
  sampled: readonly UnitRecord[] | undefined,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const chosen = new Set((sampled ?? sampleOf(survey)).map(({ file }) => file));
  const all = survey.units.flatMap(({ file }) => {
    const metadata = tryRead(survey.directory, file, metadataSchema, []);
    return metadata === undefined ? [] : [{ file, metadata }];
  });
  const trees = new LiveTrees(
    survey,
    config,
    all.map(({ metadata }) => metadata),
    signal,
  );
  const artifacts = new Set(
    all.filter(({ file }) => chosen.has(file)).flatMap(({ metadata }) => metadata.artifacts.map((one) => one.path)),
  );
  for (const item of trees.items)
    for (const part of item.parts) if (artifacts.has(part.artifact)) await trees.compare(item, part);
  return trees.finding();
}

/** Samples units; the same ones for the same run, others for another run. */
const sampleOf = ({ run, units }: RunInventory): UnitRecord[] =>
  units
    .filter(({ step }) => step !== "db" && step !== "infra")
    .map((unit) => ({ unit, key: createHash("sha256").update(`${run}\0live\0${unit.file}`).digest("hex") }))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .slice(0, UNITS)
    .map(({ unit }) => unit);

/** Returns every path of the site that a unit has. */
const placesOn = (config: SiteConfig, unit: UnitMetadata): BytePath[] =>
  unit.step === "infra"
    ? infraOf(unit).flatMap(({ sources }) => sources.map((place) => onSite(config, { path: place })))
    : placesOf(unit).map((place) => onSite(config, place));

class LiveTrees {
  readonly items: readonly TreeItem[];
  readonly #survey: RunInventory;
  readonly #config: SiteConfig;
  readonly #signal: AbortSignal;
  readonly #since: bigint;
  /** Absolute paths, each of which is compared by itself alone. */
  readonly #places: ReadonlySet<BytePath>;
  readonly #problems: Problem[] = [];
  readonly #notes: Problem[] = [];
  readonly #untried: string[] = [];
  #archives = 0;
  #files = 0;
  #bytes = 0;
  #databases = 0;

  constructor(survey: RunInventory, config: SiteConfig, units: readonly UnitMetadata[], signal: AbortSignal) {
    this.#survey = survey;
    this.#config = config;
    this.#signal = signal;
    this.#since = BigInt(Date.parse(survey.manifest?.started_at ?? "") || 0) * 1_000_000n;
    this.items = itemsOf(
      survey.directory,
      units.filter(({ step }) => step !== "db" && step !== "infra"),
    ).trees;
    this.#places = new Set([...units.flatMap((unit) => placesOn(config, unit)), fromString(survey.store.path)]);
  }

  async compare(item: TreeItem, part: ArchivePart): Promise<void> {
    this.#archives++;
    const file = path.join(this.#survey.directory, part.artifact);
    try {
      const known = new Set<BytePath>();
      for (const recorded of await this.#recordedIn(item, part, file, known)) {
        this.#signal.throwIfAborted();
        await this.#compareFile(part, recorded);
      }
      if (item.directoryTimes === undefined) this.#findNew(item, part, known);
      await this.#compareXattrs(part, known);
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#problems.push({ path: part.artifact, message: messageOf(error, file) });
    }
  }

  async #compareXattrs(part: ArchivePart, entries: ReadonlySet<BytePath>): Promise<void> {
    const roots = part.targets.map(({ place }) => onSite(this.#config, place));
    const liveOf = (entry: BytePath): BytePath | undefined => this.#liveOf(part, entry);
    const live = { run: this.#survey.directory, part, roots, liveOf, entries };
    for (const absolute of await changedXattrs(live, this.#signal))
      if (pathExists(absolute))
        this.#notes.push({ path: this.#shown(absolute), message: "has other extended attributes" });
  }

  /** Reads the files of an archive; the names of all entries are added to `known`. */
  async #recordedIn(
    item: TreeItem,
    { format, reserved, skip }: ArchivePart,
    file: string,
    known: Set<BytePath>,
  ): Promise<Recorded[]> {
    const left = new Set(skip);
    if (item.directoryTimes !== undefined) {
      return [...readEntryList(file.replace(/\.tgz$/, ".files.jsonl"))].flatMap(
        ({ path: entry, size, mtime, sha256 }) =>
          sha256 === null || left.has(entry)
            ? []
            : [{ entry, size, mtime: BigInt(Math.floor(Date.parse(mtime) / 1000)), sum: { sha256 }, ...UNKNOWN }],
      );
    }
    if (format === "tgz") {
      const found: Recorded[] = [];
      await verifyTgz(
        file,
        ({ path: name, type, size, mtimeNs, sha256, mode, uid, gid }) => {
          const entry = trim(name);
          known.add(entry);
          const own = { entry, mode, owner: { uid, gid }, mtime: seconds(mtimeNs) };
          if (type === "directory") found.push({ ...own, size: 0, sum: null });
          if (type === "file" && sha256 !== null) found.push({ ...own, size, sum: { sha256 } });
        },
        this.#signal,
      );
      return found;
    }
    const entries = readZipDirectory(file).map((entry) => ({ ...entry, name: trim(entry.name) }));
    const within = (name: BytePath, directory: BytePath | undefined): boolean =>
      directory !== undefined && (name === directory || name.startsWith(`${directory}/`));
    const originals = new Map(entries.map((entry) => [entry.name, entry]));
    const own = entries.filter(({ name }) => !within(name, reserved?.multimedia) && !within(name, reserved?.original));
    for (const { name } of own) known.add(name);
    return own.flatMap(({ name, type, mtimeNs, mode, uid, gid, ...entry }): Recorded[] => {
      const owner = uid === null || gid === null ? null : { uid, gid };
      const recorded = { entry: name, mode, owner, mtime: seconds(mtimeNs) };
      if (type === "directory") return [{ ...recorded, size: 0, sum: null }];
      if (type !== "file") return [];
      const { size, crc } = (reserved && originals.get(join(reserved.original, name))) ?? entry;
      return [{ ...recorded, size, sum: { crc } }];
    });
  }

  async #compareFile(part: ArchivePart, recorded: Recorded): Promise<void> {
    const { entry, size, mtime, sum } = recorded;
    const absolute = this.#liveOf(part, entry);
    if (absolute === undefined) return;
    const shown = this.#shown(absolute);
    const note = (message: string): void => void this.#notes.push({ path: shown, message });
    let live: Entry;
    try {
      live = lstatEntry(absolute, entry);
    } catch (error) {
      if (!["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) throw error;
      if (sum === null) return; // the files in it are reported
      return note("has been deleted since");
    }
    const wanted = sum === null ? "directory" : "file";
    if (live.type !== wanted) return note(`is a ${live.type} now`);
    for (const change of attributeChanges(live, recorded)) note(change);
    if (sum === null) return;
    this.#files++;
    if (live.size !== size || seconds(live.mtimeNs) !== mtime) return note("has been changed since");
    try {
      const found = await readContent(absolute, (bytes) => void (this.#bytes += bytes), this.#signal);
      // A database in use was captured through SQLite: the bytes differ, the rows do not.
      if (found.isSqlite) this.#databases++;
      else if ("crc" in sum ? found.crc !== sum.crc : found.sha256 !== sum.sha256) {
        const touched = live.ctimeNs > this.#since ? "; its mode, owner or time was set after the run" : "";
        const message = `${part.artifact} holds other content of the same size and time${touched}`;
        this.#problems.push({ path: shown, message });
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#untried.push(`${shown}: ${asHoldfastError(error, "E_IO").message}`);
    }
  }

  /** Records what is on the site but not in the archive. */
  #findNew({ rules }: TreeItem, { targets }: ArchivePart, known: ReadonlySet<BytePath>): void {
    for (const { prefix, place } of targets) {
      const root = onSite(this.#config, place);
      let directory: boolean;
      try {
        directory = statRoot(root).type === "directory";
      } catch {
        continue; // gone: each of its files is reported already
      }
      if (!directory) continue;
      const isLeftOut = rules === undefined ? undefined : excludeTest(root, rules);
      const exclude = (below: BytePath, _type: unknown, entry: Entry): boolean =>
        this.#places.has(join(root, below)) || isLeftOut?.(entry) === true;
      const onError = (): void => {};
      for (const entry of walk(root, { exclude, onError, files: place.loose ?? false })) {
        if (known.has(join(prefix, entry.path)) || !["file", "symlink"].includes(entry.type)) continue;
        if (/-(?:wal|shm|journal)$/.test(entry.path)) continue; // part of a captured database
        const isNew = entry.ctimeNs > this.#since || entry.mtimeNs > this.#since;
        const message = isNew ? "is new" : "is not in the run, but older than it";
        this.#notes.push({ path: this.#shown(join(root, entry.path)), message });
      }
    }
  }

  /** Returns the path of an entry on the site; undefined if it has none. */
  #liveOf({ targets }: ArchivePart, entry: BytePath): BytePath | undefined {
    const home = targets
      .filter(({ prefix }) => prefix === "" || entry === prefix || entry.startsWith(`${prefix}/`))
      .toSorted((a, b) => b.prefix.length - a.prefix.length)[0];
    if (home === undefined) return undefined;
    const root = onSite(this.#config, home.place);
    const rest = home.prefix === "" ? entry : entry.slice(home.prefix.length + 1);
    // A tree that is a single file has one entry, with any name.
    return rest === "" || (home.prefix === "" && rest === basename(root) && isFile(root)) ? root : join(root, rest);
  }

  #shown(absolute: BytePath): string {
    const root = `${fromString(this.#config.root)}/`;
    return display(absolute.startsWith(root) ? absolute.slice(root.length) : absolute);
  }

  finding(): Finding | undefined {
    if (this.#archives === 0 && this.items.length === 0) return undefined;
    const parts = [
      count(this.#archives, "archive"),
      count(this.#files, "file"),
      `${formatBytes(this.#bytes)} compared`,
      ...(this.#databases > 0 ? [`${count(this.#databases, "database")} not compared by bytes`] : []),
    ];
    return {
      figure: `${parts.join(", ")}${driftOf(this.#notes)}`,
      problems: this.#problems,
      notes: this.#notes,
      ...(this.#untried.length > 0 ? { notProved: this.#untried.join("; ") } : {}),
    };
  }
}

const trim = (name: BytePath): BytePath => name.replace(/^\.\//, "").replace(/\/+$/, "").replace(/^\.$/, "");

/** Returns whole seconds, as archives keep them; rounded towards the past, also before 1970. */
const seconds = (ns: bigint): bigint => (ns - (((ns % SECOND) + SECOND) % SECOND)) / SECOND;
const SECOND = 1_000_000_000n;

function isFile(absolute: BytePath): boolean {
  try {
    return statRoot(absolute).type === "file";
  } catch {
    return false;
  }
}
