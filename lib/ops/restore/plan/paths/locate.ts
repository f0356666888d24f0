/** Finds the archives of a run that hold one file or directory of the site, for `--path`. */
import path from "node:path";
import type { BytePath } from "../../../../archive/entry.ts";
import { fromString, isBelow } from "../../../../archive/path.ts";
import { asHoldfastError, HoldfastError } from "../../../../errors.ts";
import { STEP_NAMES, type StepName, type UnitMetadata } from "../../../../model/unit.ts";
import { readStepMetadata } from "../../../../store/run/step-index.ts";
import { placeBytes, placesOf, type Place } from "../../../../store/run/places.ts";
import { entrySources, type EntrySource, type UnitEntry } from "../../../runs/unit-entries.ts";
import type { ArchivePart } from "../../../runs/unit-items.ts";

/** The steps in search order: the units of other steps come before the coarse snapshots. */
const ORDER: readonly StepName[] = [...STEP_NAMES.filter((step) => step !== "snapshots"), "snapshots"];

/** The wanted part of an archive: `entry` and what is below it, as the path `at`. */
export interface LocatedPart {
  readonly part: ArchivePart;
  readonly label: string;
  readonly bytes: number;
  readonly entry: BytePath;
  readonly at: Place;
  /** True if the entry is not a directory. */
  readonly alone: boolean;
}

export interface PathLocation {
  readonly place: Place;
  readonly parts: readonly LocatedPart[];
  /** Artifacts that are files of the site by themselves. */
  readonly copies: readonly { readonly artifact: string; readonly at: Place; readonly bytes: number }[];
}

/**
 * Finds the archives that hold a path, or anything below it.
 * The path is relative to the site's root, or absolute if it lay outside; it may be escaped as `find` shows it, with
 * `\\n` and `\\xNN`. Only the directories of archives that can hold the path are read. Throws `E_RUN_UNKNOWN` if the
 * run holds nothing at the path, and the error of an unreadable archive if nothing else holds all of it.
 */
export async function locate(run: string, wanted: string, signal: AbortSignal): Promise<PathLocation> {
  const text = wanted.replace(/(?<=.)\/+$/, "");
  for (const place of new Set([fromString(text), unescape(text)])) {
    const found = await locatePlace(run, place, signal);
    if (found !== undefined) return found;
  }
  throw new HoldfastError("E_RUN_UNKNOWN", `the run ${path.basename(run)} holds nothing at ${wanted}`, {
    hint: "find the name in all runs with npx tsx scripts/find.ts; a path is relative to the site's root",
  });
}

/** Returns the bytes that `display` has shown. */
const unescape = (text: string): BytePath =>
  fromString(text).replaceAll(
    /\\(?:(n)|(\\)|x([0-9a-f]{2}))/g,
    (_all, newline?: string, slash?: string, hex?: string) =>
      newline !== undefined ? "\n" : slash !== undefined ? "\\" : String.fromCharCode(Number.parseInt(hex ?? "", 16)),
  );

async function locatePlace(run: string, place: BytePath, signal: AbortSignal): Promise<PathLocation | undefined> {
  const parts: LocatedPart[] = [];
  const copies: PathLocation["copies"][number][] = [];
  const taken = new Set<BytePath>();
  let damage: HoldfastError | undefined;
  for (const step of ORDER) {
    const units = [...readStepMetadata(run, step)].filter((unit) => mayHold(unit, place));
    for (const source of units.length === 0 ? [] : entrySources(run, units, signal)) {
      let entries: UnitEntry[];
      try {
        entries = (await source.read()).filter((entry) => entry.place === place || isInside(entry.place, place));
      } catch (error) {
        signal.throwIfAborted();
        damage ??= asHoldfastError(error);
        continue;
      }
      if (entries.length === 0) continue;
      const fresh = entries.filter((entry) => !taken.has(entry.place));
      if (fresh.every(({ type }) => type === "directory") && taken.size > 0) continue;
      if (source.part === null)
        copies.push(...fresh.map(({ artifact, size, place: at }) => ({ artifact, bytes: size, at: placeFor(at) })));
      else parts.push(...partsOf(place, source, source.part, entries, taken));
      for (const entry of fresh) taken.add(entry.place);
      // A single file or link is complete: no other archive needs to be read.
      if (fresh.some((entry) => entry.place === place && entry.type !== "directory"))
        return { place: placeFor(place), parts, copies };
    }
  }
  if (damage !== undefined) throw damage;
  return parts.length + copies.length === 0 ? undefined : { place: placeFor(place), parts, copies };
}

/** Checks whether one of the unit's trees is the path, contains it, or lies below it. */
function mayHold(unit: UnitMetadata, place: BytePath): boolean {
  if (unit.step === "infra") return false; // its artifacts are not the host's own files
  return placesOf(unit).some((tree) => {
    const bytes = placeBytes(tree).toString("latin1");
    return bytes === place || isInside(place, bytes) || isInside(bytes, place);
  });
}

/**
 * Checks whether a path lies below another; the site's root, an empty path, contains every path that is not absolute.
 */
const isInside = (place: BytePath, outer: BytePath): boolean =>
  outer === "" ? place !== "" && !place.startsWith("/") : isBelow(place, outer);

/** Returns the parts of an archive at the path or below it, without those that another unit restores. */
function partsOf(
  place: BytePath,
  { label }: EntrySource,
  part: ArchivePart,
  entries: readonly UnitEntry[],
  taken: ReadonlySet<BytePath>,
): LocatedPart[] {
  const skip = entries.flatMap((one) =>
    one.entry !== null && one.type !== "directory" && taken.has(one.place) ? [one.entry] : [],
  );
  const bytes = entries.reduce((sum, { size }) => sum + size, 0);
  return part.targets.flatMap((target) => {
    const tree = placeBytes(target.place).toString("latin1");
    const inside = place === tree || isInside(place, tree);
    if (!inside && !isInside(tree, place)) return [];
    const rest = isInside(place, tree) ? place.slice(tree === "" ? 0 : tree.length + 1) : "";
    const entry = target.prefix === "" || rest === "" ? target.prefix + rest : `${target.prefix}/${rest}`;
    const own = {
      ...part,
      only: [entry],
      skip: [...(part.skip ?? []), ...skip],
      contentDigest: null,
      entries: undefined,
    };
    const alone = entries.some((one) => one.place === place && one.type !== "directory");
    return [{ part: own, label, bytes, entry, at: placeFor(inside ? place : tree), alone }];
  });
}

const placeFor = (bytes: BytePath): Place => ({
  path: Buffer.from(bytes, "latin1").toString("utf8"),
  path_b64: Buffer.from(bytes, "latin1").toString("base64"),
  prefix: "",
});
