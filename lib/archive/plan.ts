/** What an archive would be made of, no file opened: decides whether the one of an earlier run can be used again. */
import type { UnitInput } from "../model/unit.ts";
import type { BytePath } from "./entry.ts";
import { FingerprintBuilder } from "./fingerprint.ts";
import { selectEntries, type ArchiveFailure, type ArchiveRoot } from "./select.ts";

export interface Plan {
  readonly input: Omit<UnitInput, "content_digest">;
  readonly failures: ArchiveFailure[];
}

/** The same counts and fingerprint that `buildArchive` records for the same trees. */
export function fingerprintTree(
  roots: readonly ArchiveRoot[],
  exclude: readonly BytePath[],
  recipe: string,
  onlyFiles = false,
): Plan {
  const started = Date.now();
  const failures: ArchiveFailure[] = [];
  const fingerprint = new FingerprintBuilder(recipe);
  const entries = selectEntries(
    { roots, exclude, onlyFiles },
    { failed: (failure) => failures.push(failure), vanished: () => {}, sharedMemory: () => {} },
  );
  for (const { entry } of entries) fingerprint.add(entry);
  return { input: fingerprint.finish(started), failures };
}
