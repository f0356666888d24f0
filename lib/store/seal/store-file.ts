/** Stores files that a step has made outside of the run. */
import { createReadStream, linkSync, mkdirSync } from "node:fs";
import path from "node:path";
import type { Artifact } from "../../model/unit.ts";
import { hashFile } from "../files/hash.ts";
import type { PreviousUnit } from "../run/previous-runs.ts";
import type { Seal } from "../../model/seal.ts";
import { sealDigest, sealedName } from "./names.ts";
import { sealContent } from "./stream.ts";

/** The staging directory of the run. */
interface RunBeingMade {
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** A file, and the artifact that it becomes: `path` relative to the run, without the suffix of a seal. */
export interface FileToStore extends Pick<Artifact, "path" | "media_type"> {
  readonly file: string;
}

/** Describes a file that is in the run already. */
export async function describe({ file, path: name, media_type }: FileToStore, signal: AbortSignal): Promise<Artifact> {
  const { size, sha256 } = await hashFile(file, signal);
  return { path: name, size_bytes: size, sha256, media_type };
}

/** Seals a file into the run; one that `earlier` holds for the same recipients is linked from there. */
export async function storeSealed(
  { directory, signal }: RunBeingMade,
  seal: Seal,
  { file, path: name, media_type }: FileToStore,
  earlier: PreviousUnit | undefined,
): Promise<Artifact> {
  const stored = sealedName(name, seal);
  const { size, sha256 } = await hashFile(file, signal);
  mkdirSync(path.dirname(path.join(directory, stored)), { recursive: true });
  const same =
    earlier?.metadata.sealed_to === sealDigest(seal)
      ? earlier.metadata.artifacts.find((one) => one.path === stored && one.plain?.sha256 === sha256)
      : undefined;
  if (earlier !== undefined && same !== undefined && isLinked(earlier.directory, directory, stored)) return same;
  const written = await sealContent(() => createReadStream(file), path.join(directory, name), seal, signal);
  return {
    path: stored,
    size_bytes: written.size,
    sha256: written.sha256,
    media_type,
    plain: { size_bytes: size, sha256 },
  };
}

function isLinked(from: string, to: string, file: string): boolean {
  try {
    linkSync(path.join(from, file), path.join(to, file));
    return true;
  } catch {
    return false;
  }
}
