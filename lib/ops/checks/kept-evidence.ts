/**
 * Reads the evidence that drills and verifications kept in a store, or on this host where a store cannot be written to.
 * Damaged documents count for nothing.
 */
import { readdirSync } from "node:fs";
import path from "node:path";
import { evidenceSchema, type Evidence } from "../../model/evidence.ts";
import type { Artifact } from "../../model/unit.ts";
import { tryReadDocument } from "../../store/files/json-documents.ts";
import { isRunId } from "../../store/files/layout.ts";
import { stateDirectory } from "../../store/known-stores.ts";

/** An artifact that was restored, or read to its end, and found as recorded. */
export interface ProvedArtifact {
  /** Relative to the run. */
  readonly path: string;
  readonly sha256: string;
  readonly size_bytes: number;
}

/** Returns the artifacts of units, as evidence lists them. */
export const provedArtifacts = (units: readonly { readonly artifacts: readonly Artifact[] }[]): ProvedArtifact[] =>
  units.flatMap(({ artifacts }) =>
    artifacts.map(({ path: artifact, sha256, size_bytes }) => ({ path: artifact, sha256, size_bytes })),
  );

/** Returns when the drill or the verification ended. */
export const timeOfEvidence = ({ finished_at }: Evidence): Date => new Date(finished_at);

/** Returns since when the whole run is proved: of a drill of changes, when the oldest proof ended that it builds on. */
export const provedFrom = (evidence: Evidence): Date =>
  evidence.format === "holdfast-drill" && typeof evidence.proved_since === "string"
    ? new Date(evidence.proved_since)
    : timeOfEvidence(evidence);

/** A document of evidence, and the file that holds it. */
export interface EvidenceFile {
  readonly evidence: Evidence;
  readonly file: string;
}

/** Reads the evidence of one run, whether signed or not. */
export function readEvidence(store: string, run: string): EvidenceFile[] {
  return placesOf(store).flatMap((place) => {
    const directory = path.join(place, run);
    return namesIn(directory)
      .filter((name) => /^(?:drill|verify)-.*\.json$/.test(name))
      .flatMap((name) => {
        const file = path.join(directory, name);
        const evidence = tryReadDocument(file, evidenceSchema);
        return evidence?.run === run ? [{ evidence, file }] : [];
      });
  });
}

/** Lists the runs of which there is evidence, those that were removed among them. */
export const runsWithEvidence = (store: string): string[] => [
  ...new Set(placesOf(store).flatMap(namesIn).filter(isRunId)),
];

const placesOf = (store: string): string[] => [store, stateDirectory()].map((place) => path.join(place, "evidence"));

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // nothing was proved yet
  }
}
