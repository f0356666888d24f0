/** Finds files by name in the runs of a store, without unpacking anything for it. */
import path from "node:path";
import picomatch from "picomatch";
import type { BytePath } from "../../archive/entry.ts";
import { basename, display, isUtf8, toBuffer } from "../../archive/path.ts";
import { asHoldfastError } from "../../errors.ts";
import { metadataSchema, STEP_NAMES, type StepName, type UnitMetadata } from "../../model/unit.ts";
import { readDocument } from "../../store/files/json-documents.ts";
import { listRuns, runDirectory } from "../../store/files/layout.ts";
import { groupLayers } from "../../store/run/layers.ts";
import { findStore } from "../../store/open.ts";
import { pinRun } from "../../store/lock/pins.ts";
import { hasSealedNames } from "../../store/run/readable.ts";
import { listMetadata } from "../../store/run/step-index.ts";
import type { IdentitySource } from "../sealed/identity.ts";
import { isSealed } from "../sealed/copier.ts";
import { openUnits } from "../sealed/plain-copy.ts";
import { withPlainNames } from "../../store/seal/plain-names.ts";
import { findRun } from "../runs/find-run.ts";
import { entrySources, type EntrySource, type UnitEntry } from "../runs/unit-entries.ts";
import type { ContentSource } from "../runs/content-source.ts";

export interface FindRequest {
  readonly store: string;
  /** Id of a run, `latest`, or `all`. */
  readonly run: string;
  /** A name; a glob of names; with a slash, a glob of paths on the site. */
  readonly pattern: string;
  readonly ignoreCase: boolean;
  /** Brings artifacts, and the documents of a run, that are not in the store's directory. */
  readonly content?: ContentSource | undefined;
  /** Identity files that open sealed artifacts. */
  readonly identitySource?: IdentitySource;
}

export interface FoundFile {
  readonly run: string;
  readonly built_in: string;
  readonly step: string;
  readonly unit: string;
  readonly artifact: string;
  /** The path on the site, as `restore --path` accepts it. */
  readonly path: string;
  readonly path_b64?: string;
  readonly type: UnitEntry["type"];
  readonly size: number;
  readonly mtime: string;
}

export interface FindOutcome {
  readonly runs: number;
  readonly found: number;
  /** Archives that could not be read, and why. */
  readonly not_searched: readonly string[];
}

/**
 * Searches the runs, the newest first. An archive that several runs share is read once. Damaged archives are reported
 * at the end. Throws `E_STORE`, `E_RUN_UNKNOWN`, `E_KEY` for a sealed run without an identity that fits.
 */
export async function findFiles(
  request: FindRequest,
  options: { readonly signal: AbortSignal; readonly onFound: (found: FoundFile) => void },
): Promise<FindOutcome> {
  const { path: store } = await findStore(request.store);
  const runs = request.run === "all" ? listRuns(store).toReversed() : [findRun(store, request.run)];
  const search = new Search(store, request, options.signal);
  let found = 0;
  for (const run of runs) {
    const unpin = await pinRun(store, run, "find");
    try {
      for await (const hit of search.run(run)) {
        found++;
        options.onFound(hit);
      }
    } finally {
      unpin();
    }
  }
  return { runs: runs.length, found, not_searched: [...search.failed] };
}

class Search {
  readonly failed = new Set<string>();
  readonly #store: string;
  readonly #matches: (place: BytePath) => boolean;
  readonly #request: FindRequest;
  readonly #signal: AbortSignal;
  /** The matches in sealed units that several runs share. */
  readonly #knownSealed = new Map<string, readonly UnitEntry[]>();
  /** The matches in archives that several runs share. */
  readonly #known = new Map<string, readonly UnitEntry[]>();

  constructor(store: string, request: FindRequest, signal: AbortSignal) {
    this.#request = request;
    this.#store = store;
    this.#matches = matcher(request);
    this.#signal = signal;
  }

  async *run(run: string): AsyncGenerator<FoundFile> {
    const directory = runDirectory(this.#store, run);
    const { content } = this.#request;
    await content?.documents(run);
    const groups = STEP_NAMES.flatMap((step) => {
      // The layers of a tree belong together: the valid entries of a shard depend on the others.
      const { single, layered } = groupLayers(this.#units(run, directory, step));
      return [...single.map((unit) => [unit]), ...layered.values()];
    });
    const unknown = groups.filter((group) => !this.#knownSealed.has(keyOf(run, group)));
    await content?.bringDirectories(run, unknown.flat());
    const units = unknown.filter((group) => group.some(isSealed)).flat();
    const opened = await openUnits(directory, units, this.#request.identitySource ?? {}, this.#signal);
    const plain = new Map(units.map((unit, at) => [unit, opened.units[at] ?? unit]));
    try {
      for (const group of groups) {
        const key = group.some(isSealed) ? keyOf(run, group) : undefined;
        const known = key === undefined ? undefined : this.#knownSealed.get(key);
        const own = key === undefined ? group : group.map((unit) => plain.get(unit) ?? withPlainNames(unit));
        const hits = known ?? (await this.#group(run, key === undefined ? directory : opened.directory, own));
        if (key !== undefined) this.#knownSealed.set(key, hits);
        for (const hit of hits) {
          const unit = own.find(({ artifacts }) => artifacts.some((artifact) => artifact.path === hit.artifact));
          yield describe(run, unit?.built_in ?? run, hit);
        }
      }
    } finally {
      opened.remove();
    }
  }

  #units(run: string, directory: string, step: StepName): UnitMetadata[] {
    return listMetadata(directory, step).flatMap((file) => {
      try {
        return [readDocument(path.join(directory, file), metadataSchema)];
      } catch (error) {
        this.failed.add(`${run}/${file}: ${asHoldfastError(error).message}`);
        return [];
      }
    });
  }

  async #group(run: string, directory: string, group: readonly UnitMetadata[]): Promise<UnitEntry[]> {
    const hits: UnitEntry[] = [];
    if (group.length === 0) return hits;
    try {
      for (const source of entrySources(directory, group, this.#signal)) {
        this.#signal.throwIfAborted();
        hits.push(...(await this.#source(run, group, source)));
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      this.failed.add(`${run}/${group[0]?.step ?? ""}/${group[0]?.unit ?? ""}: ${asHoldfastError(error).message}`);
    }
    return hits;
  }

  /**
   * Searches an archive, or reuses the result of another run with the same content, name and tree paths. A failed
   * reading is tried again.
   */
  async #source(run: string, group: readonly UnitMetadata[], source: EntrySource): Promise<readonly UnitEntry[]> {
    const sha256 = group.flatMap(({ artifacts }) => artifacts).find((one) => one.path === source.artifact)?.sha256;
    const isShared = source.part !== null && source.tree?.directoryTimes === undefined && sha256 !== undefined;
    const key = JSON.stringify([source.label, source.artifact, sha256, source.part?.targets]);
    const known = isShared ? this.#known.get(key) : undefined;
    if (known !== undefined) return known;
    try {
      const hits = (await source.read()).filter(({ place }) => this.#matches(place));
      if (isShared) this.#known.set(key, hits);
      return hits;
    } catch (error) {
      this.#signal.throwIfAborted();
      this.failed.add(`${run}/${source.artifact}: ${asHoldfastError(error).message}`);
      return [];
    }
  }
}

/** Returns a key for units with the same sealed content and places; those of a run alone where places are sealed. */
const keyOf = (run: string, group: readonly UnitMetadata[]): string =>
  JSON.stringify(
    group.map((metadata) => {
      const { step, unit, trees, artifacts } = metadata;
      return [step, unit, hasSealedNames(metadata) ? run : trees, artifacts.map((one) => one.sha256)];
    }),
  );

function matcher({ pattern, ignoreCase }: FindRequest): (place: BytePath) => boolean {
  const isGlob = /[*?[]/.test(pattern);
  const whole = pattern.includes("/");
  // Only `*`, `?` and `[]` are special: a name may begin with `!` or hold braces, and a newline is an ordinary
  // character.
  const only = { dot: true, nonegate: true, noextglob: true, nobrace: true };
  const glob = picomatch(pattern.replace(/^\.\/(?=.)/, ""), { ...only, flags: ignoreCase ? "is" : "s" });
  const fold = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
  return (place) => {
    const text = toBuffer(whole ? place : basename(place)).toString("utf8");
    return fold(text) === fold(pattern) || (isGlob && glob(text));
  };
}

function describe(run: string, built_in: string, { label, artifact, place, type, size, mtime }: UnitEntry): FoundFile {
  const slash = label.indexOf("/");
  return {
    run,
    built_in,
    step: label.slice(0, slash),
    unit: label.slice(slash + 1),
    artifact,
    path: display(place),
    ...(isUtf8(place) ? {} : { path_b64: toBuffer(place).toString("base64") }),
    type,
    size,
    mtime,
  };
}
