/** The units that a run lacks because their backup failed, and the last good copy of each. */
import path from "node:path";
import { readJson } from "../../../store/files/json-documents.ts";
import { HoldfastError } from "../../../errors.ts";
import {
  failuresSchema,
  projectNames,
  STEP_NAMES,
  type Failure,
  type StepName,
  type UnitMetadata,
} from "../../../model/unit.ts";
import { listRuns, runDirectory } from "../../../store/files/layout.ts";
import { readManifestHead } from "../../../store/run/manifest.ts";
import { layersName, layersOf } from "../../../store/run/layers.ts";
import { readSoundMetadata } from "../../../store/run/previous-runs.ts";
import { placesOf } from "../../../store/run/places.ts";
import { listMetadata } from "../../../store/run/step-index.ts";
import { readSums } from "../../../store/run/checksums.ts";
import { borrowed } from "../../runs/borrowed-units.ts";
import type { RestoreRequest } from "./request.ts";

export interface MissingUnit {
  readonly step: StepName;
  /** Null if the step as a whole failed. */
  readonly unit: string | null;
  /** True if the config accepted the failure when the run was made. */
  readonly accepted: boolean;
  readonly code: string;
  readonly message: string;
  /** The earlier run that holds it, undamaged; null if none does. */
  readonly found_in: string | null;
}

/** A missing unit, with the copies of it in an earlier run. */
export interface Lack {
  readonly missing: MissingUnit;
  /** The copies as units of the restored run: the names of their artifacts are relative to it. */
  readonly copies: readonly UnitMetadata[];
}

type Selection = Pick<RestoreRequest, "steps" | "units" | "media" | "rebuild" | "path">;

/** Failed queries of `references` in the step `db`, which are not part of the site. */
const REFERENCES = /^references_/;

/**
 * Finds what a restore of `run` would lack, with the copies that earlier runs hold. Throws `E_VERIFY` if the run's
 * failures cannot be read.
 */
export function findLacks(store: string, run: string, selection: Selection): Lack[] {
  if (selection.path !== undefined) return [];
  const failures = readFailures(runDirectory(store, run)).filter((one) => concerns(one, selection));
  if (failures.length === 0) return [];
  const earlier = new EarlierRuns(store, run);
  const lacks = failures.map((failure) => lackOf(failure, earlier));
  return selection.units.length === 0 ? lacks : lacks.filter((lack) => isNamed(lack, selection.units));
}

function readFailures(directory: string): Failure[] {
  const file = path.join(directory, "failures.json");
  try {
    return failuresSchema.parse(readJson(file));
  } catch (error) {
    throw new HoldfastError("E_VERIFY", `${file} cannot be read`, { cause: error });
  }
}

function concerns({ step, unit, severity }: Failure, { steps, media, rebuild }: Selection): boolean {
  if (severity === "skipped" || (unit !== null && step === "db" && REFERENCES.test(unit))) return false;
  if (rebuild && step === "compiled_exports") return false;
  if (!media && (step === "audio_cache" || unit === "full_media_tree")) return false;
  return steps.length === 0 || steps.includes(step);
}

/** Checks whether `--unit` names the missing unit, by its own name or by a name of its project. */
function isNamed({ missing, copies }: Lack, names: readonly string[]): boolean {
  const own = copies.flatMap(({ unit, project }) => [unit, ...(project === undefined ? [] : projectNames(project))]);
  return names.some((name) => name === missing.unit || own.includes(name));
}

function lackOf(failure: Failure, earlier: EarlierRuns): Lack {
  const { step, unit, severity, code, message, last_good_run } = failure;
  const found = earlier.find(step, unit, last_good_run);
  const missing = { step, unit, accepted: severity === "accepted", code, message, found_in: found?.run ?? null };
  return { missing, copies: (found?.units ?? []).map((one) => borrowed(one, found?.run ?? "")) };
}

/** The backups of a store that are older than a run, newest first. */
class EarlierRuns {
  readonly #store: string;
  readonly #own: string;
  readonly #runs: readonly string[];
  readonly #units = new Map<string, readonly UnitMetadata[]>();

  constructor(store: string, run: string) {
    this.#store = store;
    this.#own = run;
    this.#runs = listRuns(store)
      .filter((one) => one < run && isBackup(runDirectory(store, one)))
      .toReversed();
  }

  /** Returns the newest copy, but prefers the recorded last good run. */
  find(step: StepName, unit: string | null, lastGood: string | null) {
    const here = new Set(this.#soundUnits(this.#own, step).map((one) => one.unit));
    const preferred = this.#runs.filter((run) => run === lastGood);
    for (const run of new Set([...preferred, ...this.#runs])) {
      const units = this.#soundUnits(run, step).flatMap((one) => wantedOf(one, unit, here));
      if (units.length > 0) return { run, units };
    }
    return undefined;
  }

  #soundUnits(run: string, step: StepName): readonly UnitMetadata[] {
    const key = `${run}/${step}`;
    const known = this.#units.get(key);
    if (known !== undefined) return known;
    const base = runDirectory(this.#store, run);
    const sums = readSums(base);
    const units = listMetadata(base, step).flatMap((file) => readSoundMetadata(base, sums, step, file) ?? []);
    this.#units.set(key, units);
    return units;
  }
}

/**
 * Returns the unit, or the part of it, that a failure names: a file of a set, a tree of a snapshot. All layers of a
 * tree are taken together, from one run.
 */
function wantedOf(one: UnitMetadata, failed: string | null, here: ReadonlySet<string>): UnitMetadata[] {
  const layers = layersOf(one);
  if (failed === null) return layers !== undefined || !here.has(one.unit) ? [one] : [];
  if (layers !== undefined) return isOfLayers(failed, one.unit, layersName(layers)) ? [one] : [];
  if (one.unit === failed) return [one];
  const trees = placesOf(one).filter((place) => place.path === failed);
  if (one.step === "snapshots") return trees.length === 0 ? [] : [{ ...one, trees }];
  if (!SETS.has(one.unit)) return [];
  const artifacts = one.artifacts.filter(({ path: file }) => {
    const name = file
      .split("/")
      .slice(one.step === "infra" ? 1 : 2)
      .join("/");
    return name === failed || name.startsWith(`${failed}/`);
  });
  return artifacts.length === 0 ? [] : [{ ...one, artifacts }];
}

/** Checks whether a failure concerns the tree of a shard, part of that tree, or another of its shards. */
const isOfLayers = (failed: string, shard: string, tree: string): boolean =>
  failed === tree || failed.startsWith(`${tree}/`) || failed.replace(/\d+$/, "") === shard.replace(/\d+$/, "");

/** Units of several files, each of which can fail by itself. */
const SETS = new Set(["orm_db", "infra"]);

/** Checks whether a run is a backup; a safety run may hold the very state that is to be replaced. */
function isBackup(directory: string): boolean {
  try {
    return readManifestHead(directory).kind === "backup";
  } catch {
    return false; // a damaged run is not a valid source
  }
}

/** Returns the name of a missing unit for messages. */
export const nameOf = ({ step, unit }: Pick<MissingUnit, "step" | "unit">): string =>
  unit === null ? step : `${step}/${unit}`;

/** Compares two units by the order of their steps. */
export const byStep = (a: Pick<UnitMetadata, "step">, b: Pick<UnitMetadata, "step">): number =>
  STEP_NAMES.indexOf(a.step) - STEP_NAMES.indexOf(b.step);
