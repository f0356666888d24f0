/** The metadata of a sealed unit as they would be of a plain one. */
import type { UnitMetadata } from "../../model/unit.ts";
import { unitFiles } from "../run/step-index.ts";
import { plainPath, sealOf, withoutSeal } from "./names.ts";

/** Returns the plain names of the sealed files of a unit, by their stored names. */
export function plainNames(unit: UnitMetadata): ReadonlyMap<string, string> {
  const companions = unitFiles(unit).filter((file) => unit.artifacts.every(({ path }) => path !== file));
  return new Map([
    ...unit.artifacts.filter(({ plain }) => plain !== undefined).map((one) => [one.path, plainPath(one)] as const),
    ...companions.filter((file) => sealOf(file) !== undefined).map((file) => [file, withoutSeal(file)] as const),
  ]);
}

/** Returns the metadata with plain names, sizes and digests. */
export function withPlainNames(unit: UnitMetadata): UnitMetadata {
  const names = plainNames(unit);
  const artifacts = unit.artifacts.map(({ plain, ...artifact }) => ({
    ...artifact,
    ...plain,
    path: names.get(artifact.path) ?? artifact.path,
  }));
  const { sealed_to: _, ...rest } = unit;
  const [only] = artifacts;
  const companions = unit["companions"];
  return {
    ...rest,
    artifacts,
    size_bytes: artifacts.reduce((sum, { size_bytes }) => sum + size_bytes, 0),
    sha256: artifacts.length === 1 && only !== undefined ? only.sha256 : null,
    ...(Array.isArray(companions)
      ? { companions: companions.map((file: unknown) => (typeof file === "string" ? (names.get(file) ?? file) : file)) }
      : {}),
  };
}
