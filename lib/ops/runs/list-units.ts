/** The units of a run, as `list --units` shows them. */
import { display } from "../../archive/path.ts";
import { STEP_NAMES, type StepName, type UnitMetadata } from "../../model/unit.ts";
import { infraOf } from "./unit-items.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { findStore } from "../../store/open.ts";
import { placeBytes, placesOf } from "../../store/run/places.ts";
import { readStepMetadata } from "../../store/run/step-index.ts";
import { findRun } from "./find-run.ts";

export interface ListedUnit {
  readonly step: StepName;
  readonly unit: string;
  /** The run that wrote its artifacts. */
  readonly built_in: string;
  /** The number of files; null if it is not recorded. */
  readonly files: number | null;
  readonly size_bytes: number;
  /** Relative to the run. */
  readonly artifacts: readonly string[];
  readonly warnings: number;
  /** Its paths on the site: relative to the root, absolute outside of it. */
  readonly places: readonly string[];
}

/** Lists the units of the run `name`: an id, `latest` or `last`. Throws `E_STORE`, `E_RUN_UNKNOWN`. */
export async function listUnits(dest: string, name: string): Promise<{ run: string; units: ListedUnit[] }> {
  const { path: store } = await findStore(dest);
  const run = findRun(store, name);
  const directory = runDirectory(store, run);
  const units = STEP_NAMES.flatMap((step) =>
    [...readStepMetadata(directory, step)].map((metadata) => ({
      step,
      unit: metadata.unit,
      built_in: metadata.built_in,
      files: metadata.input.files,
      size_bytes: metadata.size_bytes,
      artifacts: metadata.artifacts.map((artifact) => artifact.path),
      warnings: metadata.warnings.length,
      places: placesIn(metadata),
    })),
  );
  return { run, units };
}

const placesIn = (metadata: UnitMetadata): string[] =>
  metadata.step === "infra"
    ? infraOf(metadata).flatMap(({ sources }) => [...sources])
    : placesOf(metadata).map((place) => display(placeBytes(place).toString("latin1")) || ".");
