/**
 * Makes a directory that looks like a store, of the documents that retention reads of the runs on a target: manifests,
 * SHA256SUMS, the names of units, and evidence.
 */
import { createWriteStream, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { asHoldfastError } from "../../errors.ts";
import { runDirectory, runsDirectory } from "../../store/files/layout.ts";
import { isRunPath, SUMS_FILE } from "../../store/run/checksums.ts";
import { MANIFEST_FILE } from "../../store/run/manifest.ts";
import type { Target } from "../../targets/core/target.ts";

const METADATA = /(?:^|\/)metadata\.json$/;

export interface MirrorHooks {
  readonly signal: AbortSignal;
  readonly onWarning: (text: string) => void;
}

/** Fills `mirror`; `store` adds the evidence that the target does not have yet. Throws `E_REMOTE`. */
export async function mirrorDocuments(
  target: Target,
  mirror: string,
  store: string | undefined,
  hooks: MirrorHooks,
): Promise<void> {
  mkdirSync(runsDirectory(mirror), { recursive: true });
  for (const run of await target.runs()) {
    hooks.signal.throwIfAborted();
    await mirrorRun(target, mirror, run, hooks);
  }
  for (const name of await target.evidence()) {
    const file = inside(path.join(mirror, "evidence"), name);
    if (file === undefined) continue;
    mkdirSync(path.dirname(file), { recursive: true });
    await pipeline(await target.readEvidence(name), createWriteStream(file), { signal: hooks.signal });
  }
  if (store !== undefined && existsSync(path.join(store, "evidence")))
    await cp(path.join(store, "evidence"), path.join(mirror, "evidence"), { recursive: true });
}

/** A run whose documents cannot be read is left without them: retention takes it for damaged, and keeps it. */
async function mirrorRun(
  target: Target,
  mirror: string,
  run: string,
  { signal, onWarning }: MirrorHooks,
): Promise<void> {
  const directory = runDirectory(mirror, run);
  mkdirSync(directory);
  try {
    const reader = await target.reader(run);
    writeFileSync(path.join(directory, SUMS_FILE), reader.sums);
    for (const name of reader.digests.keys()) {
      const file = METADATA.test(name) ? inside(directory, name) : undefined;
      if (file === undefined) continue;
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, ""); // only its name is looked at
    }
    const file = createWriteStream(path.join(directory, MANIFEST_FILE));
    await pipeline(await reader.open(MANIFEST_FILE), file, { signal });
  } catch (error) {
    const { code, message } = asHoldfastError(error);
    if (code !== "E_VERIFY" && code !== "E_MISSING") throw error;
    onWarning(`the run ${run} on ${target.name} cannot be judged: ${message}`);
  }
}

/** Returns the path of a file below a directory; undefined for a name that leads out of it, or a hidden one. */
const inside = (directory: string, name: string): string | undefined =>
  isRunPath(name) && !name.startsWith(".") ? path.join(directory, name) : undefined;
