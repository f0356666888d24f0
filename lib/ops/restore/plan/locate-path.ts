/** `--path`: which archives of a run hold one file or directory of the site, and what of them. */
import path from "node:path";
import type { BytePath } from "../../../archive/entry.ts";
import { fromString, isBelow } from "../../../archive/path.ts";
import { asHoldfastError, HoldfastError } from "../../../errors.ts";
import { STEP_NAMES, type StepName, type UnitMetadata } from "../../../model/unit.ts";
import { readStepMetadata } from "../../../store/run/step-index.ts";
import { placeBytes, placesOf, type Place } from "../../../store/run/places.ts";
import { entrySources, type EntrySource, type UnitEntry } from "../../runs/unit-entries.ts";
import type { ArchivePart } from "../../runs/unit-items.ts";

/** A unit of its own knows best; the coarse snapshots come last, for what no unit has. */
const ORDER: readonly StepName[] = [...STEP_NAMES.filter((step) => step !== "snapshots"), "snapshots"];

/** What of an archive is wanted: `entry` and what is below it, as the place `at`. */
export interface LocatedPart {
  readonly part: ArchivePart;
  readonly label: string;
  readonly bytes: number;
  readonly entry: BytePath;
  readonly at: Place;
  /** The entry is no directory. */
  readonly alone: boolean;
}

export interface PathLocation {
  readonly place: Place;
  readonly parts: readonly LocatedPart[];
  /** Artifacts that are files of the site by themselves. */
  readonly copies: readonly { readonly artifact: string; readonly at: Place; readonly bytes: number }[];
}

/**
 * Looks for a place (relative to the site's root, or absolute where it lay outside) and all below it, and reads no more than the directories of
 * the archives that it can be in. The place may be written as `find` shows it, with `\\n` and `\\xNN`. Throws `E_RUN_UNKNOWN` when the run holds
 * nothing there, and the error of an archive that cannot be read where nothing else holds the whole of it.
 */
export async function locate(run: string, wanted: string, signal: AbortSignal): Promise<PathLocation> {
  const text = wanted.replace(/(?<=.)\/+$/, "");
  for (const place of new Set([fromString(text), unescape(text)])) {
    const found = await locatePlace(run, place, signal);
    if (found !== undefined) return found;
  }
  throw new HoldfastError("E_RUN_UNKNOWN", `the run ${path.basename(run)} holds nothing at ${wanted}`, {
    hint: "npx tsx scripts/find.ts looks for a name in all runs; a path is relative to the site's root",
  });
}

/** The bytes that `display` has shown. */
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
      // A single file, or link, is whole: what else might hold it need not be looked at.
      if (fresh.some((entry) => entry.place === place && entry.type !== "directory"))
        return { place: placeFor(place), parts, copies };
    }
  }
  if (damage !== undefined) throw damage;
  return parts.length + copies.length === 0 ? undefined : { place: placeFor(place), parts, copies };
}

/** Whether one of the unit's trees is the place, lies around it, or below it. */
function mayHold(unit: UnitMetadata, place: BytePath): boolean {
  if (unit.step === "infra") return false; // nothing of it is the host's own file
  return placesOf(unit).some((tree) => {
    const bytes = placeBytes(tree).toString("latin1");
    return bytes === place || isInside(place, bytes) || isInside(bytes, place);
  });
}

/** Whether a place lies below another; the site's root, an empty place, holds every place that is not absolute. */
const isInside = (place: BytePath, outer: BytePath): boolean =>
  outer === "" ? place !== "" && !place.startsWith("/") : isBelow(place, outer);

/** What of an archive belongs at the place or below it, without what another unit gives already. */
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
