/** Unpacks a package: trees beside their destinations, and the rest into a directory of its own. */
import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";
import { unpackArchive } from "../../archive/unpack/archive.ts";
import type { UnpackTarget } from "../../archive/unpack/request.ts";
import { isOurs } from "../../database/access/private-directory.ts";
import { HoldfastError } from "../../errors.ts";
import { ownerMap } from "../restore/plan/owner-map.ts";
import { CONFIG, DATA, DUMP, STORAGE, type TreeFacts } from "./format.ts";
import type { OpenedPackage } from "./open.ts";
import type { TreeStaging } from "./tree-targets.ts";
import type { PackageRestoreRequest } from "./request.ts";
import { treeFacts } from "./tree-checks.ts";
import { plural } from "../../report/format.ts";

/** Unpacks trees into their staging directories; data, dump and configuration into `work`. */
export async function unpack(
  { file, limits, manifest }: OpenedPackage,
  { owners }: PackageRestoreRequest,
  work: string,
  stagings: readonly TreeStaging[],
  signal: AbortSignal,
): Promise<void> {
  const trees = stagings.map((staging): UnpackTarget => ({
    prefix: fromString(`${STORAGE}/${staging.target.name}`),
    into: fromString(staging.fresh),
  }));
  const own = [DATA, DUMP, CONFIG].map((name): UnpackTarget => ({
    prefix: name,
    into: fromString(path.join(work, name)),
    base: fromString(work),
  }));
  await unpackArchive({
    archive: file,
    format: "tgz",
    targets: [...trees, ...own],
    owners: ownerMap(owners, manifest.owners).forWorker,
    limits,
    cancelled: () => signal.aborted,
  });
  signal.throwIfAborted();
}

/** Compares the staged trees with the checks; returns those that differ from the live trees. */
export async function compareTrees(
  { checks }: OpenedPackage,
  stagings: readonly TreeStaging[],
  signal: AbortSignal,
): Promise<TreeStaging[]> {
  const changed: TreeStaging[] = [];
  for (const staging of stagings) {
    const { name, live } = staging.target;
    const wanted = checks.trees.find((one) => one.name === name);
    const found = await treeFacts(fromString(staging.fresh), signal);
    if (wanted === undefined || found.digest !== wanted.digest)
      throw new HoldfastError("E_VERIFY", `checks failed: ${name} ${difference(found, wanted)}`, {
        hint: "nothing was changed",
      });
    const isSame = existsSync(live) && (await treeFacts(fromString(live), signal)).digest === found.digest;
    if (!isSame) changed.push(staging);
  }
  return changed;
}

const WORK = /^holdfast-package-(\d+)-/;

type TreeSize = Pick<TreeFacts, "files" | "bytes">;

function difference(found: TreeSize, wanted: TreeSize = { files: 0, bytes: 0 }): string {
  const { files, bytes } = found;
  if (files === wanted.files && bytes === wanted.bytes)
    return `has the package's ${plural(files, "file")} of ${bytes} bytes, but with other content`;
  return `has ${plural(files, "file")} of ${bytes} bytes, but the package has ${wanted.files} of ${wanted.bytes}`;
}

/** Returns a directory for what goes into no tree. Removes one that a killed process left. */
export function workDirectory(): string {
  for (const name of readdirSync(tmpdir())) {
    const [, pid] = WORK.exec(name) ?? [];
    const left = path.join(tmpdir(), name);
    if (pid === undefined || existsSync(`/proc/${pid}`) || !isOurs(left)) continue;
    removeTree(fromString(left));
  }
  return mkdtempSync(path.join(tmpdir(), `holdfast-package-${process.pid}-`));
}
