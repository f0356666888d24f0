/** Takes a unit over: from the interrupted run that is resumed, or by hard link from an earlier run. */
import path from "node:path";
import { metadataSchema, type StepName, type UnitMetadata } from "../../model/unit.ts";
import { tryReadDocument } from "../../store/files/json-documents.ts";
import { isSound, linkFiles, unreadRuns, type PreviousUnit } from "../../store/run/previous-runs.ts";
import { isSealedFor } from "../../store/seal/names.ts";
import { namedFiles, wholeMetadata } from "../../store/run/readable.ts";
import { unitFiles } from "../../store/run/step-index.ts";
import type { StepContext } from "./context.ts";
import type { UnitPlan } from "./unit-plan.ts";

/** A sound unit with the input that is planned. */
export interface ExistingUnit {
  readonly action: "reused" | "resumed";
  /** The run that it is taken from; undefined for the one that is resumed. */
  readonly from: Pick<PreviousUnit, "run" | "directory" | "named"> | undefined;
  readonly metadata: UnitMetadata;
  /** The number of runs that took it over without reading its artifacts, with this one. */
  readonly unread: number;
}

/** Finds a sound unit with the same input; calls `damaged` with a run whose unit has the input and is not sound. */
export async function findExisting(
  context: StepContext,
  step: StepName,
  plan: UnitPlan,
  damaged: (run: string) => void,
): Promise<ExistingUnit | undefined> {
  const { options, directory, named, previous, config, signal } = context;
  if (options.resume) {
    const readable = tryReadDocument(path.join(directory, metadataFile(plan)), metadataSchema);
    const metadata = readable === undefined ? undefined : wholeMetadata(readable, named, metadataFile(plan));
    if (
      metadata !== undefined &&
      hasInput(context, plan, metadata) &&
      (await isSound(directory, metadata, true, signal))
    )
      return { action: "resumed", from: undefined, metadata, unread: 0 };
  }
  if (options.existing === "overwrite" || plan.fingerprint === null) return undefined;
  const found = previous.find(step, plan.directory);
  if (found === undefined || !hasInput(context, plan, found.metadata)) return undefined;
  const unread = unreadRuns(previous.unreadBefore(found.run, plan.directory), plan.directory, config.rehash_every);
  if (await isSound(found.directory, found.metadata, unread === 0, signal))
    return { action: "reused", from: found, metadata: found.metadata, unread };
  damaged(found.run);
  return undefined;
}

/**
 * Makes the unit part of the run. Its metadata are linked with its artifacts, but where what they say of the site is no
 * longer so. Returns false if the file system refused a hard link and something was copied.
 */
export function takeOver(
  { directory, documents, previous }: StepContext,
  plan: UnitPlan,
  { from, metadata }: ExistingUnit,
): { metadata: UnitMetadata; linked: boolean } {
  const own = metadataFile(plan);
  const stays = describesSite(plan, metadata);
  const files = [...unitFiles(metadata), ...(stays ? [own] : [])];
  const linked = from === undefined || linkFiles(from.directory, directory, files);
  if (from !== undefined)
    for (const file of files) {
      const sha256 = previous.digestOf(from.run, file);
      if (sha256 !== undefined) documents.digests.set(file, sha256);
    }
  if (from !== undefined && from.named !== from.directory)
    documents.linkNames(from.named, [...namedFiles(metadata), ...(stays ? [own] : [])]);
  if (stays) return { metadata, linked };
  const now = { ...metadata, ...siteFields(plan) };
  documents.writeMetadata(own, now);
  return { metadata: now, linked };
}

/** Returns the fields that describe the current site, for new and reused artifacts. */
export const siteFields = (plan: UnitPlan): Pick<UnitMetadata, "project"> & Record<string, unknown> => ({
  ...plan.fresh,
  ...(plan.project === undefined ? {} : { project: plan.project }),
  ...(plan.trees === undefined ? {} : { trees: plan.trees }),
});

const describesSite = (plan: UnitPlan, metadata: UnitMetadata): boolean =>
  Object.entries(siteFields(plan)).every(([key, value]) => JSON.stringify(metadata[key]) === JSON.stringify(value));

const hasInput = (context: Pick<StepContext, "seal">, plan: UnitPlan, metadata: UnitMetadata): boolean =>
  plan.fingerprint !== null && metadata.input.fingerprint === plan.fingerprint && isSealedFor(context.seal, metadata);

const metadataFile = (plan: UnitPlan): string => `${plan.directory}/metadata.json`;
