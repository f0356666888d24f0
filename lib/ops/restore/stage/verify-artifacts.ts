/** Verifies every file of a run that a restore will read, before anything else happens. */
import { statSync } from "node:fs";
import path from "node:path";
import { asHoldfastError, HoldfastError } from "../../../errors.ts";
import type { UnitMetadata } from "../../../model/unit.ts";
import { listMetadata, unitFiles } from "../../../store/run/step-index.ts";
import { DEAD_LIST, DIRECTORY_TIMES, groupLayers } from "../../../store/run/layers.ts";
import { PLACES_FILE } from "../../../store/run/places.ts";
import { readSums } from "../../../store/run/checksums.ts";
import { forEachParallel } from "../../../store/files/for-each-parallel.ts";
import { ArtifactReaders } from "../../checks/artifact-readers.ts";
import { ownName, runOf, runsOf } from "../../runs/borrowed-units.ts";
import type { RestorePlan } from "../plan/restore-plan.ts";

/**
 * Throws `E_VERIFY` with the first file that is missing or differs from SHA256SUMS and the unit's metadata; of `partial`
 * ones there is nothing to compare.
 */
export async function verifyArtifacts(
  run: string,
  units: readonly UnitMetadata[],
  plan: RestorePlan,
  signal: AbortSignal,
  partial: ReadonlySet<string> = new Set(),
): Promise<void> {
  const sums = readSums(run);
  const recorded = new Map(
    units.flatMap((unit) => unit.artifacts.map(({ path: file, sha256 }) => [file, sha256] as const)),
  );
  const files = new Set([
    ...units.flatMap(unitFiles),
    ...plan.unpacks.map(({ part }) => part.artifact),
    ...plan.copies.flatMap((copy) => ("artifact" in copy ? [copy.artifact] : [])),
    ...documentsOf(units),
    ...(sums?.has("failures.json") === true ? ["failures.json"] : []),
    ...runsOf(units).map((other) => `../${other}/${PLACES_FILE}`),
    // They record where everything belongs.
    ...[...new Set(units.map(({ step }) => step))].flatMap((step) => listMetadata(run, step)),
  ]);
  await verifyFiles(
    run,
    [...files].filter((file) => !partial.has(file)),
    recorded,
    signal,
  );
}

/** Returns the documents that a restore reads beside the units' own files. */
const documentsOf = (units: readonly UnitMetadata[]): string[] => [
  PLACES_FILE,
  ...[...groupLayers(units).layered.values()].flatMap((shards) => {
    const layers = path.posix.dirname(shards[0]?.artifacts[0]?.path ?? "");
    return [DEAD_LIST, DIRECTORY_TIMES].map((name) => `${layers}/${name}`);
  }),
];

/** Verifies files by name, in the run that holds each; `recorded` has the digests of metadata. */
export async function verifyFiles(
  run: string,
  files: Iterable<string>,
  recorded: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const byRun = new Map<string, string[]>();
  for (const file of files) {
    const other = runOf(file);
    const directory = other === undefined ? run : path.join(run, "..", other);
    byRun.set(directory, [...(byRun.get(directory) ?? []), ownName(file)]);
  }
  const digests = new Map([...recorded].map(([file, sha256]) => [`${runOf(file) ?? ""}/${ownName(file)}`, sha256]));
  for (const [directory, names] of byRun) {
    const prefix = directory === run ? "" : path.basename(directory);
    await verifyOwn(directory, names, (file) => digests.get(`${prefix}/${file}`), signal);
  }
}

async function verifyOwn(
  run: string,
  files: readonly string[],
  recordedOf: (file: string) => string | undefined,
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
    await forEachParallel(sizes, readers.width, async ([file, size]) => {
      try {
        const { sha256 } = await readers.digest(path.join(run, file), size);
        if (sums.get(file) !== sha256 || (recordedOf(file) ?? sha256) !== sha256)
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
    hint: "nothing was changed; npx tsx scripts/verify.ts names all damage, npx tsx scripts/list.ts shows older runs",
  });
}
