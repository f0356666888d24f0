/** Compares two states of a site. */
import { STEP_NAMES, type StepName } from "../../model/unit.ts";
import { compareDatabases } from "./databases.ts";
import type { Difference } from "./difference.ts";
import { compareEntries } from "./files.ts";
import { keyOf, type Side, type SideUnit } from "./state/side.ts";

/** The size of a step in both states. */
export interface StepSize {
  readonly step: StepName;
  readonly units: readonly [was: number, now: number];
  readonly bytes: readonly [was: number, now: number];
}

export interface Comparison {
  readonly differences: readonly Difference[];
  readonly sizes: readonly StepSize[];
  readonly notes: readonly string[];
}

/** Compares units, files, tables, migrations and settings. With `files` archives are read for their files. */
export async function compareSides(was: Side, now: Side, files: boolean): Promise<Comparison> {
  const differences: Difference[] = [];
  const notes = [...was.notes, ...now.notes];
  for (const key of keysOf(was.units, now.units)) {
    const [before, after] = [was.units.get(key), now.units.get(key)];
    const compared =
      before !== undefined && after !== undefined ? await compareUnit(before, after, files) : oneSided(before, after);
    if (typeof compared === "string") notes.push(compared);
    else differences.push(...compared);
  }
  for (const unit of keysOf(was.databases, now.databases)) {
    const [before, after] = [was.databases.get(unit), now.databases.get(unit)];
    if (before === undefined || after === undefined) continue; // the unit is added, removed, or noted
    const compared = compareDatabases(unit, before, after);
    differences.push(...compared.differences);
    notes.push(...compared.notes);
  }
  differences.push(...compareSettings(was, now));
  return { differences, sizes: sizesOf(was, now), notes };
}

/** Compares a unit that both have. One without a digest differs where its files do; a dump is compared by its tables. */
async function compareUnit(was: SideUnit, now: SideUnit, files: boolean): Promise<Difference[] | string> {
  const hasDigests = was.digest !== null && now.digest !== null;
  if (was.step === "db" || (hasDigests && was.digest === now.digest)) return [];
  const readsFiles = files || (was.hasList && now.hasList);
  if (!hasDigests && !readsFiles) return `${keyOf(was)}: only --files can compare it`;
  const [before, after] = readsFiles ? [await was.entries(files), await now.entries(files)] : [];
  const about = { step: was.step, unit: was.unit };
  const listed = before === undefined || after === undefined ? [] : compareEntries(about, before, after);
  return hasDigests || listed.length > 0 ? [unitDifference("changed", was, now), ...listed] : [];
}

function oneSided(was: SideUnit | undefined, now: SideUnit | undefined): Difference[] {
  if (was !== undefined) return [unitDifference("removed", was, undefined)];
  return now === undefined ? [] : [unitDifference("added", undefined, now)];
}

function unitDifference(
  change: Difference["change"],
  was: SideUnit | undefined,
  now: SideUnit | undefined,
): Difference {
  const one = was ?? now;
  if (one === undefined) throw new RangeError("a unit is in one of the states");
  const { step, unit } = one;
  const what = change === "changed" ? "content" : "";
  return { kind: "unit", change, step, unit, name: null, was: was?.bytes ?? null, now: now?.bytes ?? null, what };
}

function compareSettings(was: Side, now: Side): Difference[] {
  return keysOf(was.settings, now.settings).flatMap((name): Difference[] => {
    const [before, after] = [was.settings.get(name), now.settings.get(name)];
    if (before === after) return [];
    const change = before === undefined ? "added" : after === undefined ? "removed" : "changed";
    const what = change === "changed" ? "content" : "";
    return [{ kind: "setting", change, step: "infra", unit: "infra", name, was: null, now: null, what }];
  });
}

const sizesOf = (was: Side, now: Side): StepSize[] =>
  STEP_NAMES.flatMap((step): StepSize[] => {
    const [before, after] = [was, now].map(({ units }) => [...units.values()].filter((unit) => unit.step === step));
    const [one, other] = [before ?? [], after ?? []];
    if (one.length + other.length === 0) return [];
    return [{ step, units: [one.length, other.length], bytes: [bytesOf(one), bytesOf(other)] }];
  });

const bytesOf = (units: readonly SideUnit[]): number => units.reduce((sum, { bytes }) => sum + bytes, 0);

const keysOf = (a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): string[] =>
  [...new Set([...a.keys(), ...b.keys()])].toSorted();
