/**
 * Lists the paths of the site that an in-place restore keeps, though it may replace the tree around them. They are
 * moved into the new tree: paths of other units, files whose secrets no run holds, and what the config excludes from a
 * tree.
 */
import type { BytePath, Entry } from "../../../../archive/entry.ts";
import { excludeTest, type ExcludeRules } from "../../../../archive/tree/exclude-rules.ts";
import { join } from "../../../../archive/path.ts";
import { SIDECARS } from "../../../../archive/tree/sqlite-file.ts";
import { walk } from "../../../../archive/tree/walk.ts";
import { STEP_NAMES, type UnitMetadata } from "../../../../model/unit.ts";
import { placesOf, type Place } from "../../../../store/run/places.ts";
import { readStepMetadata } from "../../../../store/run/step-index.ts";
import { infraOf, labelOf, ORM_DB, type RestoreItems } from "../../../runs/unit-items.ts";
import { pathExists } from "../../../../archive/tree/path-exists.ts";

export interface KeptOptions {
  /** The items to restore. */
  readonly items: RestoreItems;
  readonly units: readonly UnitMetadata[];
  /** Units that the run lacks, as an earlier run has them. */
  readonly absent?: readonly UnitMetadata[];
  /** Units of databases that are loaded into a server, or exchanged. */
  readonly loaded: ReadonlySet<string>;
  /** Paths that the units of the config have now; the run does not record those of units that failed. */
  readonly owned?: readonly BytePath[];
  /** Returns the absolute path on this host of a path of the run. */
  readonly absolute: (place: Pick<Place, "path" | "path_b64">) => BytePath;
}

/** Lists the absolute paths; some may not exist, and some may be restored after all. */
export function keptPaths(
  run: string,
  { items, units, loaded, absent = [], owned = [], absolute }: KeptOptions,
): BytePath[] {
  const chosen = new Set(units.map(labelOf));
  const kept: BytePath[] = [...owned];
  for (const step of STEP_NAMES)
    for (const unit of readStepMetadata(run, step)) {
      if (step === "infra")
        for (const { sources } of infraOf(unit)) kept.push(...sources.map((place) => absolute({ path: place })));
      else if (!chosen.has(labelOf(unit)) || loaded.has(unit.unit))
        for (const place of placesOf(unit)) if (place.loose !== true) kept.push(...withSidecars(unit, absolute(place)));
    }
  for (const unit of absent) for (const place of placesOf(unit)) if (place.loose !== true) kept.push(absolute(place));
  for (const { rules, parts } of items.trees)
    if (rules !== undefined)
      for (const { place } of parts[0]?.targets ?? []) kept.push(...leftOut(absolute(place), rules));
  return kept;
}

/** Adds the WAL and journal of a database file, which are kept or replaced with it. */
const withSidecars = ({ step, unit }: UnitMetadata, place: BytePath): BytePath[] =>
  step === "db" || (step === "audio_cache" && unit === ORM_DB)
    ? [place, ...SIDECARS.map((suffix) => place + suffix)]
    : [place];

/** Lists the outermost paths in a tree of the site that its rules exclude from its archive. */
function leftOut(root: BytePath, rules: ExcludeRules): BytePath[] {
  const found: BytePath[] = [];
  if (!pathExists(root)) return found;
  const isLeftOut = excludeTest(root, rules);
  const exclude = (at: BytePath, _type: unknown, entry: Entry): boolean => {
    const isOut = isLeftOut(entry);
    if (isOut) found.push(join(root, at));
    return isOut;
  };
  const entries = walk(root, { exclude, onError: () => {} });
  while (entries.next().done !== true);
  return found;
}
