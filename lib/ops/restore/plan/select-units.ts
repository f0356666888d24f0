/** Selects the units of a run that are restored. */
import path from "node:path";
import { HoldfastError } from "../../../errors.ts";
import { projectNames, STEP_NAMES, type StepName, type UnitMetadata } from "../../../model/unit.ts";
import { layersName, layersOf } from "../../../store/run/layers.ts";
import { readManifestHead } from "../../../store/run/manifest.ts";
import { readStepMetadata } from "../../../store/run/step-index.ts";
import { bundlesSchema } from "../../runs/unit-items.ts";
import { byStep, type Lack } from "./missing-units.ts";
import type { RestoreRequest } from "./request.ts";

/** The snapshot of the trees that the source exports hold one by one. */
const PROJECTS_TREE = "full_projects_tree";

/**
 * Selects units in the order of the steps.
 * Content that the run holds twice is restored once: projects from their own units, not from the snapshot of all of
 * them, unless that is requested. With `complete` the copies of `lacks` count as units of the run. Throws `E_USAGE` for
 * a step or unit that the run does not have.
 */
export function selectUnits(
  run: string,
  request: Omit<RestoreRequest, "store" | "target">,
  lacks: readonly Lack[] = [],
): UnitMetadata[] {
  assertSupportedVersion(run);
  const copies = request.complete === true ? lacks.flatMap((lack) => lack.copies) : [];
  const steps = request.steps.length > 0 ? STEP_NAMES.filter((step) => request.steps.includes(step)) : STEP_NAMES;
  const own = steps.flatMap((step) => Array.from(readStepMetadata(run, step), slim));
  // All layers of an audio cache come from one run.
  const replaced = new Set(copies.map(layersOf).filter((layers) => layers !== undefined));
  const all = [...own.filter((unit) => !replaced.has(layersOf(unit) ?? "")), ...copies.map(slim)].toSorted(byStep);
  const missing = request.steps.find((step) => !all.some((unit) => unit.step === step));
  if (missing !== undefined) throw new HoldfastError("E_USAGE", `the run holds nothing of the step ${missing}`);
  const names = all.map(namesOf);
  for (const name of request.units) {
    const shard = all.find((unit) => unit.unit === name && layersOf(unit) !== undefined);
    if (shard !== undefined)
      throw new HoldfastError("E_USAGE", `${name} is one layer of a tree and cannot be restored by itself`, {
        hint: `restore --unit ${layersName(layersOf(shard) ?? "")}, or single files with --path`,
      });
    if (!names.some((called) => called.includes(name))) throw noUnit(run, name, lacks);
  }
  const selected = all.filter(
    (_unit, at) => request.units.length === 0 || request.units.some((name) => names[at]?.includes(name) === true),
  );
  if (selected.length === 0) throw new HoldfastError("E_USAGE", "the selection matches no unit of the run");
  const asked = request.units.includes(PROJECTS_TREE) || isOnly(request.steps, "snapshots");
  return selected.filter(
    (unit) =>
      !(request.rebuild && unit.step === "compiled_exports") &&
      (request.media || (unit.step !== "audio_cache" && unit.unit !== "full_media_tree")) &&
      (asked || unit.unit !== PROJECTS_TREE || !selected.some(({ step }) => step === "source_exports")),
  );
}

/**
 * Throws `E_VERSION` for a run of a newer format; a damaged manifest is ignored, because the units' documents suffice.
 */
function assertSupportedVersion(run: string): void {
  try {
    readManifestHead(run);
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "E_VERSION") throw error;
  }
}

function noUnit(run: string, name: string, lacks: readonly Lack[]): HoldfastError {
  const failed = lacks.find(({ missing, copies }) => missing.unit === name || copies.some((one) => one.unit === name));
  if (failed === undefined)
    return new HoldfastError("E_USAGE", `the run holds no unit ${name}`, {
      hint: "list the units with npx tsx scripts/list.ts, or see index.json",
    });
  const { code, message, found_in } = failed.missing;
  return new HoldfastError("E_USAGE", `the unit ${name} failed in the run ${path.basename(run)}: ${code}, ${message}`, {
    hint: found_in === null ? "no earlier run holds it" : `use --complete to take it from the run ${found_in}`,
  });
}

const isOnly = (steps: readonly StepName[], step: StepName): boolean =>
  steps.length > 0 && steps.every((one) => one === step);

/** Drops the per-file media list of a compiled bundle, which is large and not needed here. */
function slim(unit: UnitMetadata): UnitMetadata {
  const bundles = bundlesSchema.safeParse(unit["bundles"]).data;
  return bundles === undefined ? unit : { ...unit, bundles };
}

/** Returns all names that select a unit. */
function namesOf(metadata: UnitMetadata): string[] {
  const { unit, project } = metadata;
  const layers = layersOf(metadata);
  return [
    unit,
    ...(project === undefined ? [] : projectNames(project)),
    ...(layers === undefined ? [] : [layersName(layers)]),
  ];
}
