/**
 * Units of another run, as units of the restored run: the names of their files are relative to it, as
 * `../<run>/<file>`.
 */
import path from "node:path";
import type { UnitMetadata } from "../../model/unit.ts";
import { readPlaces, type Places } from "../../store/run/places.ts";

const BORROWED = /^\.\.\/(\d{8}T\d{6}Z)\//;

/** Returns the unit with the names of its files relative to another run. */
export function borrowed(unit: UnitMetadata, run: string): UnitMetadata {
  const rename = (file: string): string => `../${run}/${file}`;
  const companions = unit["companions"];
  return {
    ...unit,
    artifacts: unit.artifacts.map((artifact) => ({ ...artifact, path: rename(artifact.path) })),
    ...(Array.isArray(companions)
      ? { companions: companions.map((file: unknown) => (typeof file === "string" ? rename(file) : file)) }
      : {}),
  };
}

/** Returns the run that a file comes from; undefined if it is the run's own. */
export const runOf = (file: string): string | undefined => BORROWED.exec(file)?.[1];

/** Returns the file's name in its own run. */
export const ownName = (file: string): string => file.replace(BORROWED, "");

/** Returns the other runs that units come from. */
export const runsOf = (units: readonly UnitMetadata[]): string[] => [
  ...new Set(units.flatMap(({ artifacts }) => artifacts.flatMap((artifact) => runOf(artifact.path) ?? []))),
];

/** Merges the recorded paths of a run with those of the other runs that units come from. */
export function placesWith(run: string, units: readonly UnitMetadata[]): Places {
  const own = readPlaces(run);
  const known = new Set(own.places.map(({ path: place, path_b64 }) => path_b64 ?? place));
  return runsOf(units).reduce((all, other): Places => {
    const { places, owners } = readPlaces(path.join(run, "..", other));
    const more = places.filter(({ path: place, path_b64 }) => !known.has(path_b64 ?? place));
    return {
      ...all,
      places: [...all.places, ...more],
      owners: {
        users: { ...owners.users, ...all.owners.users },
        groups: { ...owners.groups, ...all.owners.groups },
      },
    };
  }, own);
}
