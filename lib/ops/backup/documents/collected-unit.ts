/** The part of a unit that the documents of a run need: totals, places, commands to restore. */
import type { UnitMetadata } from "../../../model/unit.ts";
import { STEPS } from "../../../steps/registry.ts";
import { withPlainNames } from "../../../store/seal/plain-names.ts";
import { layersOf } from "../../../store/run/layers.ts";
import { placesOf, type Place } from "../../../store/run/places.ts";
import { unitFacts, type UnitFacts } from "../../anomalies/facts.ts";

/** The part of a unit's metadata that the documents of the run need. */
export interface CollectedUnit {
  readonly step: UnitMetadata["step"];
  readonly unit: string;
  readonly builtIn: string;
  readonly artifacts: number;
  readonly size: number;
  readonly layers: string | undefined;
  readonly places: readonly Place[];
  /** Lines of RESTORE.md. */
  readonly commands: readonly string[];
  /** The moment of a dump. */
  readonly snapshotAt: string | undefined;
  /** What the anomaly guard judges. */
  readonly facts: UnitFacts;
}

/** Returns what the documents of a run need of a unit's metadata; the rest of them is not kept in memory. */
export function collectedUnit(metadata: UnitMetadata): CollectedUnit {
  const { step, unit, built_in, artifacts, size_bytes } = metadata;
  const snapshotAt = metadata["snapshot_at"];
  return {
    step,
    unit,
    builtIn: built_in,
    artifacts: artifacts.length,
    size: size_bytes,
    layers: layersOf(metadata),
    places: placesOf(metadata),
    commands: STEPS[step].restoreCommands(withPlainNames(metadata)),
    snapshotAt: step === "db" && typeof snapshotAt === "string" ? snapshotAt : undefined,
    facts: unitFacts(metadata),
  };
}
