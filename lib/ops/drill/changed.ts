/** Chooses what a drill of changes restores: every database, and what no evidence of late has proved. */
import { PROOF_MAX_AGE } from "../../config/settings/retention.ts";
import type { UnitMetadata } from "../../model/unit.ts";
import { layersOf } from "../../store/run/layers.ts";
import type { ProofOptions } from "../runs/proof.ts";
import { provedSince } from "../runs/proof-coverage.ts";

export interface Changes {
  readonly due: UnitMetadata[];
  /** The units that are left out. */
  readonly proved: readonly UnitMetadata[];
  /** When the oldest proof ended that stands for one of them; null if all units are due. */
  readonly since: Date | null;
}

/** Divides the units of a run. The layers of a tree belong together. */
export async function changesOf(
  store: string,
  units: readonly UnitMetadata[],
  now: Date,
  options: ProofOptions,
): Promise<Changes> {
  const known = await provedSince(store, PROOF_MAX_AGE, now, options);
  const isProved = ({ step, artifacts }: UnitMetadata): boolean =>
    step !== "db" && artifacts.every(({ sha256 }) => known.has(sha256));
  const unproved = units.filter((unit) => !isProved(unit));
  const layers = new Set(unproved.map(layersOf).filter((one) => one !== undefined));
  const isDue = (unit: UnitMetadata): boolean => !isProved(unit) || layers.has(layersOf(unit) ?? "");
  const proved = units.filter((unit) => !isDue(unit));
  const times = proved.flatMap(({ artifacts }) =>
    artifacts.flatMap(({ sha256 }) => known.get(sha256)?.at.getTime() ?? []),
  );
  const oldest = times.reduce((least, time) => Math.min(least, time), Infinity);
  return { due: units.filter(isDue), proved, since: proved.length === 0 ? null : new Date(oldest) };
}
