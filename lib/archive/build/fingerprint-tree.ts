/**
 * Counts and fingerprints the input of an archive without opening a file, to decide whether an earlier one is reused.
 */
import type { UnitInput } from "../../model/unit.ts";
import type { BytePath } from "../entry.ts";
import { FingerprintBuilder } from "../fingerprint.ts";
import { selectEntries, type ArchiveFailure, type Selection } from "./select-entries.ts";

export interface FingerprintRequest extends Selection {
  /** Everything else that decides the bytes of the archive. */
  readonly recipe: string;
}

export interface Plan {
  readonly input: Omit<UnitInput, "content_digest">;
  readonly failures: ArchiveFailure[];
  /** The links that may lead out of the trees: absolute path, and what each says. */
  readonly links: { readonly path: BytePath; readonly target: BytePath }[];
}

/** Returns the counts and the fingerprint that `buildArchive` would record for these trees. */
export function fingerprintTree({ recipe, ...selection }: FingerprintRequest): Plan {
  const started = Date.now();
  const failures: ArchiveFailure[] = [];
  const fingerprint = new FingerprintBuilder(recipe);
  const entries = selectEntries(selection, {
    failed: (failure) => failures.push(failure),
    vanished: () => {},
    moved: () => {},
    sharedMemory: () => {},
  });
  const links: Plan["links"] = [];
  for (const { entry, absolute } of entries) {
    fingerprint.add(entry);
    if (entry.type === "symlink" && MAY_LEAD_OUT.test(entry.target))
      links.push({ path: absolute, target: entry.target });
  }
  return { input: fingerprint.finish(started), failures, links };
}

/** Matches the text of a link that may lead out of the directory that it is in. */
export const MAY_LEAD_OUT = /^\/|(?:^|\/)\.\.(?:\/|$)/;
