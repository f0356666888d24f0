/** The metadata of the units of a step, and the entries of its index that follow from them. */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { metadataSchema, type Artifact, type IndexEntry, type StepName, type UnitMetadata } from "../../model/unit.ts";
import { sidecarOf } from "../../archive/xattrs/sidecar.ts";
import { readDocument } from "../files/json-documents.ts";
import { layersOf } from "./layers.ts";
import { unitOrder } from "./unit-name.ts";

/** Lists the metadata files of a step, relative to the run, in the order of the index and the manifest. */
export function listMetadata(run: string, step: StepName): string[] {
  const found: string[] = [];
  if (!existsSync(path.join(run, step))) return found;
  const visit = (relative: string): void => {
    for (const entry of readdirSync(path.join(run, relative), { withFileTypes: true })) {
      if (entry.isDirectory()) visit(`${relative}/${entry.name}`);
      else if (entry.name === "metadata.json") found.push(`${relative}/${entry.name}`);
    }
  };
  visit(step);
  return found.toSorted(unitOrder);
}

/** Yields the metadata of every unit of a step. Throws `E_VERIFY` for invalid metadata. */
export function* readStepMetadata(run: string, step: StepName): Generator<UnitMetadata> {
  for (const file of listMetadata(run, step)) yield readDocument(path.join(run, file), metadataSchema);
}

/** Lists the files of a unit, relative to the run: its artifacts and companions, such as the list of a shard. */
export function unitFiles(metadata: UnitMetadata): string[] {
  const companions = metadata["companions"];
  const beside: unknown[] = Array.isArray(companions) ? companions : [];
  return [...metadata.artifacts.map((artifact) => artifact.path), ...beside.filter((file) => typeof file === "string")];
}

/** Returns the file of extended attributes beside an archive of a unit, if it has one. */
export function sidecarIn(metadata: UnitMetadata, { path: archive }: Artifact): string | undefined {
  const sidecar = sidecarOf(archive);
  return sidecar !== archive && unitFiles(metadata).includes(sidecar) ? sidecar : undefined;
}

/** Returns the index entries of a unit: one, or one for each file of infra. */
export function indexEntries(metadata: UnitMetadata): IndexEntry[] {
  const updated_at = metadata.created_at;
  if (metadata.step === "infra") {
    return metadata.artifacts.map((artifact) => ({
      name: path.posix.relative("infra", artifact.path),
      path: artifact.path,
      size_bytes: artifact.size_bytes,
      sha256: artifact.sha256,
      updated_at,
    }));
  }
  const [only] = metadata.artifacts;
  const place =
    metadata.artifacts.length === 1 && only !== undefined ? only.path : path.posix.dirname(only?.path ?? metadata.step);
  return [{ ...nameOf(metadata), path: place, size_bytes: metadata.size_bytes, sha256: metadata.sha256, updated_at }];
}

function nameOf(metadata: UnitMetadata): Pick<IndexEntry, "project_id" | "name" | "part"> {
  if (metadata.project !== undefined) return { project_id: metadata.project.id };
  return layersOf(metadata) === undefined ? { name: metadata.unit } : { part: metadata.unit };
}
