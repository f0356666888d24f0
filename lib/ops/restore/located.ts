/** `--path`: which archives of a run hold one file or directory of the site, and what of them. */
import path from "node:path";
import type { BytePath } from "../../archive/entry.ts";
import { display, fromString } from "../../archive/path.ts";
import { HoldfastError } from "../../errors.ts";
import { STEP_NAMES, type StepName, type UnitMetadata } from "../../model/unit.ts";
import { readStepMetadata } from "../../store/step-index.ts";
import { isOutside, placeBytes, placesOf, type Place } from "../../store/places.ts";
import { entrySources, type EntrySource, type UnitEntry } from "../unit-entries.ts";
import type { LocatedPath, PlanOptions } from "./plan.ts";
import { isBelow } from "./targets.ts";

/** A unit of its own knows best; the coarse snapshots come last. */
const ORDER: readonly StepName[] = [...STEP_NAMES.filter((step) => step !== "snapshots"), "snapshots"];

/**
 * Looks for a place (relative to the site's root, or absolute where it lay outside) and all below it, and reads no more than the archives
 * of the units that it can be in. Throws `E_RUN_UNKNOWN` when the run holds nothing there.
 */
export async function locate(
  run: string,
  wanted: string,
  signal: AbortSignal,
): Promise<NonNullable<PlanOptions["located"]>> {
  const place = fromString(wanted.replace(/(?<=.)\/+$/, ""));
  for (const step of ORDER) {
    const units = [...readStepMetadata(run, step)].filter((unit) => mayHold(unit, place));
    if (units.length === 0) continue;
    const hits: { source: EntrySource; entries: UnitEntry[] }[] = [];
    for (const source of entrySources(run, units, signal)) {
      const entries = (await source.read()).filter((entry) => entry.place === place || isBelow(entry.place, place));
      if (entries.length > 0) hits.push({ source, entries });
    }
    if (hits.length > 0) return locatedAs(place, hits);
  }
  throw new HoldfastError("E_RUN_UNKNOWN", `the run ${path.basename(run)} holds nothing at ${display(place)}`, {
    hint: "find.ts looks for a name in all runs; a path is relative to the site's root",
  });
}

/** Whether one of the unit's trees is the place, lies around it, or below it. */
function mayHold(unit: UnitMetadata, place: BytePath): boolean {
  if (unit.step === "infra") return false; // nothing of it is the host's own file
  return placesOf(unit).some((tree) => {
    const bytes = placeBytes(tree).toString("latin1");
    return bytes === place || isBelow(place, bytes) || isBelow(bytes, place);
  });
}

function locatedAs(place: BytePath, hits: readonly { source: EntrySource; entries: readonly UnitEntry[] }[]) {
  const [first] = hits;
  const at: Place = isOutside({ path: place })
    ? { path: place, prefix: "" }
    : {
        path: Buffer.from(place, "latin1").toString("utf8"),
        path_b64: Buffer.from(place, "latin1").toString("base64"),
        prefix: "",
      };
  if (first?.source.part === null) return { place: at, found: [], copy: first.source.artifact };
  const found = hits.flatMap(({ source, entries }): LocatedPath[] => {
    const { part, label } = source;
    if (part === null) return [];
    const bytes = entries.reduce((sum, { size }) => sum + size, 0);
    const roots = rootsOf(place, part);
    return roots.map((entry) => ({
      part: { ...part, only: [entry], contentDigest: null, entries: undefined },
      label,
      bytes,
      entry,
    }));
  });
  return { place: at, found };
}

/** What a place is called in an archive. */
function rootsOf(place: BytePath, { targets }: { targets: readonly { prefix: BytePath; place: Place }[] }): BytePath[] {
  return targets.flatMap((target) => {
    const tree = placeBytes(target.place).toString("latin1");
    if (place === tree) return [target.prefix];
    if (!isBelow(place, tree)) return [];
    const rest = place.slice(tree.length + 1);
    return [target.prefix === "" ? rest : `${target.prefix}/${rest}`];
  });
}
