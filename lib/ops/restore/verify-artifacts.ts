/** Every file of a run that a restore will read is what was recorded, before anything else happens. */
import { statSync } from "node:fs";
import path from "node:path";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import type { UnitMetadata } from "../../model/unit.ts";
import { listMetadata, unitFiles } from "../../store/step-index.ts";
import { DEAD_LIST, DIRECTORY_TIMES, groupLayers } from "../../store/layers.ts";
import { PLACES_FILE } from "../../store/places.ts";
import { readSums } from "../../store/sums.ts";
import { workThrough } from "../../store/parallel.ts";
import { ArtifactReaders } from "../verify/readers.ts";
import type { RestorePlan } from "./plan.ts";

/** Throws `E_VERIFY` that names the first file which is missing or is not what SHA256SUMS and the unit's metadata say. */
export async function verifyArtifacts(
  run: string,
  units: readonly UnitMetadata[],
  plan: RestorePlan,
  signal: AbortSignal,
): Promise<void> {
  const sums = readSums(run);
  const recorded = new Map(
    units.flatMap((unit) => unit.artifacts.map(({ path: file, sha256 }) => [file, sha256] as const)),
  );
  const files = new Set([
    ...units.flatMap(unitFiles),
    ...plan.unpacks.map(({ part }) => part.artifact),
    ...plan.copies.flatMap((copy) => ("artifact" in copy ? [copy.artifact] : [])),
    ...documentsOf(units).filter((file) => sums?.has(file) === true),
    // They say where everything belongs.
    ...[...new Set(units.map(({ step }) => step))].flatMap((step) => listMetadata(run, step)),
  ]);
  await verifyFiles(run, files, recorded, signal);
}

/** The documents that a restore reads beside the units' own files. */
const documentsOf = (units: readonly UnitMetadata[]): string[] => [
  PLACES_FILE,
  ...[...groupLayers(units).layered.keys()].flatMap((layers) =>
    [DEAD_LIST, DIRECTORY_TIMES].map((name) => `${layers}/${name}`),
  ),
];

/** The same for files by their names; `recorded` is what metadata say beside SHA256SUMS. */
export async function verifyFiles(
  run: string,
  files: Iterable<string>,
  recorded: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const sums = readSums(run);
  if (sums === undefined) throw new HoldfastError("E_VERIFY", `${path.join(run, "SHA256SUMS")} is missing or damaged`);
  const problems: string[] = [];
  const sizes = new Map(
    Array.from(files, (file) => [file, statSync(path.join(run, file), { throwIfNoEntry: false })?.size ?? 0]),
  );
  const readers = new ArtifactReaders(
    Array.from(sizes.values()).reduce((sum, size) => sum + size, 0),
    signal,
  );
  try {
    await workThrough(sizes, readers.width, async ([file, size]) => {
      try {
        const { sha256 } = await readers.digest(path.join(run, file), size);
        if (sums.get(file) !== sha256 || (recorded.get(file) ?? sha256) !== sha256)
          problems.push(`${file} is not what was recorded`);
      } catch (error) {
        signal.throwIfAborted();
        problems.push(`${file} cannot be read: ${asHoldfastError(error).message}`);
      }
    });
  } finally {
    await readers.close();
  }
  const [first] = problems.toSorted();
  if (first === undefined) return;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  throw new HoldfastError("E_VERIFY", `the run is damaged: ${first}${more}`, {
    hint: "nothing was changed; verify.ts names all damage, list.ts shows older runs",
  });
}
