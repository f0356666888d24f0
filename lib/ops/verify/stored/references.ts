/**
 * Checks references from database rows to files: every file that a row names is in the run. Files that no row names are
 * listed.
 */
import path from "node:path";
import picomatch from "picomatch";
import * as z from "zod";
import { MOST_LIST } from "../../../archive/limits.ts";
import { readRegular } from "../../../archive/files/regular-file.ts";
import type { BytePath } from "../../../archive/entry.ts";
import { display, fromString } from "../../../archive/path.ts";
import { asHoldfastError } from "../../../errors.ts";
import { metadataSchema, type UnitMetadata } from "../../../model/unit.ts";
import { groupLayers } from "../../../store/run/layers.ts";
import { placeBytes, placesOf } from "../../../store/run/places.ts";
import { referenceRecordSchema, type ReferenceRecord } from "../../../steps/db/references.ts";
import { entrySources } from "../../runs/unit-entries.ts";
import { messageOf } from "./archives.ts";
import { tryRead, type RunInventory } from "../inventory/run-inventory.ts";
import { count, type Finding, type Problem } from "../../checks/check.ts";

/** The maximum of listed orphans; all are counted. */
const MOST_ORPHANS = 10_000;

/**
 * Checks references; undefined if the run has none. Compares lists with directories, file lists and headers; only a tgz
 * is unpacked.
 */
export async function checkReferences(survey: RunInventory, signal: AbortSignal): Promise<Finding | undefined> {
  const records = recordsOf(survey);
  if (records.length === 0) return undefined;
  const figure = count(records.length, "reference");
  const { manifest } = survey;
  if (manifest !== undefined && manifest.scope !== "full")
    return { figure, problems: [], notProved: "the run holds only a selection" };
  const references = new References(survey, records);
  await references.lookThrough(signal);
  return references.finding(figure);
}

const recordsOf = (survey: RunInventory): ReferenceRecord[] =>
  survey.units
    .filter(({ step }) => step === "db")
    .flatMap(({ file }) => {
      const metadata = tryRead(survey.directory, file, metadataSchema, []);
      return z.array(referenceRecordSchema).safeParse(metadata?.["references"]).data ?? [];
    });

interface Reference extends ReferenceRecord {
  /** The base of the paths, as a path of the site. */
  readonly place: BytePath;
  readonly isOptional: (path: string) => boolean;
  /** Files that have not been found yet, by path on the site, each with the name of its row. */
  readonly wanted: Map<BytePath, string>;
}

class References {
  readonly #survey: RunInventory;
  readonly #all: readonly Reference[];
  readonly #problems: Problem[] = [];
  readonly #untried: string[] = [];
  /** Files of all references: a file that any reference names is not an orphan. */
  readonly #named = new Set<BytePath>();
  readonly #orphans = new Set<BytePath>();

  constructor(survey: RunInventory, records: readonly ReferenceRecord[]) {
    this.#survey = survey;
    this.#all = records.flatMap((record) => this.#open(record));
  }

  #open(record: ReferenceRecord): Reference[] {
    const { name, list, root, optional } = record;
    if (list === null) {
      this.#untried.push(`${name}: the database could not be queried`);
      return [];
    }
    let paths: string[];
    try {
      paths = readRegular(path.join(this.#survey.directory, list), MOST_LIST, "E_VERIFY")
        .toString("utf8")
        .split("\0")
        .slice(0, -1);
    } catch (error) {
      this.#problems.push({ path: list, message: `cannot be read: ${asHoldfastError(error).message}` });
      return [];
    }
    if (paths.length !== record.paths)
      this.#problems.push({ path: list, message: `lists ${paths.length} paths, but ${record.paths} were recorded` });
    const place = clean(root);
    const wanted = new Map<BytePath, string>();
    for (const one of paths) {
      const home = clean(path.posix.join(root, one));
      if (home !== place && !isBelow(home, place))
        this.#problems.push({ path: one, message: `${name}: the database names it, but it points outside ${root}` });
      else wanted.set(home, one);
      this.#named.add(home);
    }
    return [
      {
        ...record,
        place,
        wanted,
        isOptional: optional.length > 0 ? picomatch([...optional], { dot: true }) : () => false,
      },
    ];
  }

  /** Reads the entries of every archive with a tree that a reference points into. */
  async lookThrough(signal: AbortSignal): Promise<void> {
    const units = this.#survey.units.flatMap(
      ({ file }) => tryRead(this.#survey.directory, file, metadataSchema, []) ?? [],
    );
    // The shards of a tree are layers, which are read together.
    const { single, layered } = groupLayers(units.filter((one) => this.#concerns(one)));
    for (const unit of single) await this.#read([unit], signal);
    for (const shards of layered.values()) await this.#read(shards, signal);
  }

  #concerns(unit: UnitMetadata): boolean {
    const places = placesOf(unit).map((place) => placeBytes(place).toString("latin1"));
    return places.some((place) =>
      this.#all.some((one) => place === one.place || isBelow(place, one.place) || isBelow(one.place, place)),
    );
  }

  async #read(units: readonly UnitMetadata[], signal: AbortSignal): Promise<void> {
    const { directory } = this.#survey;
    try {
      for (const source of entrySources(directory, units, signal)) {
        signal.throwIfAborted();
        try {
          for (const { place, type } of await source.read()) if (type !== "directory") this.#take(place);
        } catch (error) {
          signal.throwIfAborted();
          const message = messageOf(error, path.join(directory, source.artifact));
          this.#problems.push({ path: source.artifact, message: `cannot be searched: ${message}` });
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      const [unit] = units;
      this.#problems.push({ path: `${unit?.step}/${unit?.unit}`, message: asHoldfastError(error).message });
    }
  }

  #take(place: BytePath): void {
    for (const { wanted } of this.#all) wanted.delete(place);
    if (!this.#named.has(place) && this.#all.some((one) => isBelow(place, one.place))) this.#orphans.add(place);
  }

  finding(figure: string): Finding {
    let excused = 0;
    for (const { name, wanted, isOptional } of this.#all) {
      for (const [place, said] of wanted) {
        if (isOptional(said)) excused++;
        else
          this.#problems.push({
            path: display(place),
            message: `${name}: the database names it, but the run does not hold it`,
          });
      }
    }
    const parts = [figure, count(this.#named.size, "path")];
    if (excused > 0) parts.push(`${excused} optional ones missing`);
    parts.push(count(this.#orphans.size, "orphan"));
    return {
      figure: parts.join(", "),
      problems: this.#problems.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
      notes: [...this.#orphans]
        .toSorted()
        .slice(0, MOST_ORPHANS)
        .map((place) => ({ path: display(place), message: "no row names it" })),
      ...(this.#untried.length > 0 ? { notProved: this.#untried.join("; ") } : {}),
    };
  }
}

const isBelow = (inner: BytePath, outer: BytePath): boolean =>
  outer === "" ? inner !== "" && !inner.startsWith("../") && !inner.startsWith("/") : inner.startsWith(`${outer}/`);

/** Normalizes a path of the site; the root itself is empty. */
function clean(place: string): BytePath {
  const normal = path.posix.normalize(place).replace(/\/+$/, "");
  return fromString(normal === "." ? "" : normal);
}
