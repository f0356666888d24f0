/**
 * Samples: the `n`-th of `t` parts of a run, always the same, so that `t` verifications read everything exactly once.
 */
import { createHash } from "node:crypto";
import path from "node:path";
import { HoldfastError } from "../../../errors.ts";
import type { RunInventory } from "./run-inventory.ts";

/** `n` of `t`: 1 ≤ n ≤ t. */
export interface Sample {
  readonly n: number;
  readonly t: number;
}

/** Parses `n/t`. Throws `E_USAGE` for anything else. */
export function parseSample(text: string): Sample {
  const [, n, t] = /^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? [];
  const sample = { n: Number(n), t: Number(t) };
  if (sample.n >= 1 && sample.n <= sample.t) return sample;
  throw new HoldfastError("E_USAGE", `--sample ${text}: not n/t with n from 1 to t`, {
    hint: "1/7 reads the first of seven parts; seven runs, 1/7 to 7/7, read everything once",
  });
}

export const showSample = ({ n, t }: Sample): string => `${n}/${t}`;

/** Checks whether a unit's directory, relative to the run, is in the sample: by the sha256 of its name, modulo t. */
export function isSampled({ n, t }: Sample, place: string): boolean {
  const digest = createHash("sha256").update(place).digest("hex");
  return BigInt(`0x${digest}`) % BigInt(t) === BigInt(n - 1);
}

/**
 * Returns the units of the sample with their artifacts and the files beside their metadata. Other files are sampled by
 * their own names.
 */
export function sampleSurvey(survey: RunInventory, sample: Sample): RunInventory {
  const homes = new Map(
    survey.units.flatMap(({ file, artifacts }) =>
      artifacts.map((artifact) => [artifact.path, path.posix.dirname(file)]),
    ),
  );
  const directories = new Set(survey.units.map(({ file }) => path.posix.dirname(file)));
  const homeOf = (file: string): string => {
    const beside = path.posix.dirname(file);
    return homes.get(file) ?? (directories.has(beside) ? beside : file);
  };
  return {
    ...survey,
    units: survey.units.filter(({ file }) => isSampled(sample, path.posix.dirname(file))),
    files: new Map([...survey.files].filter(([file]) => isSampled(sample, homeOf(file)))),
  };
}
