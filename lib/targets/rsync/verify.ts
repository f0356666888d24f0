/**
 * Verifies a run on a target. Where the store still has it, the other side hashes its files and rsync compares them with
 * the store's, which needs no right to read. Else they are fetched and hashed here.
 */
import { createHash } from "node:crypto";
import { HoldfastError } from "../../errors.ts";
import { consume } from "../../archive/files/consume-stream.ts";
import { hashFile } from "../../store/files/hash.ts";
import { SUMS_FILE } from "../../store/run/checksums.ts";
import { SIGNATURE_FILE, type LocalFile, type LocalRun } from "../core/local-run.ts";
import type { TargetCheck, VerifyRequest } from "../core/target.ts";
import type { Cache } from "./fetch.ts";
import { findDifferent, listItems } from "./listing.ts";
import { openRun } from "./read.ts";
import { completeDirectory, directoryOf, receiptOf, type Tree } from "./tree.ts";

type Problem = TargetCheck["problems"][number];

/** Verifies a run, as `Target.verify` promises it. */
export async function verifyRun(
  tree: Tree,
  cache: Cache,
  run: string,
  { local, sample }: VerifyRequest,
): Promise<TargetCheck> {
  return local === undefined ? await verifyByReading(tree, cache, run, sample) : await compareRun(tree, local, sample);
}

async function compareRun(tree: Tree, run: LocalRun, sample: number): Promise<TargetCheck> {
  const { place, transfer } = tree;
  const names = await listItems(place, "runs", ["--exclude=/*/*"], transfer);
  const receipt = receiptOf(tree, run.run);
  const recorded = receipt === undefined ? undefined : directoryOf(receipt);
  const directory =
    names === undefined && recorded !== undefined ? `runs/${recorded}` : await completeDirectory(tree, run.run);
  const read = sampleOf(run.artifacts, sample);
  const unread = run.artifacts.filter((file) => !read.includes(file));
  const documents = [...run.documents, run.sums, ...(run.signature === undefined ? [] : [run.signature])];
  const different = async (files: readonly LocalFile[], by: "content" | "size"): Promise<string[]> => {
    const comparison = { source: run.directory, directory, files: files.map((file) => file.path), by };
    return files.length === 0 ? [] : await findDifferent(place, comparison, transfer);
  };
  const found = [...(await different([...documents, ...read], "content")), ...(await different(unread, "size"))];
  const items = names === undefined ? undefined : await listItems(place, directory, [], transfer);
  const there =
    items && new Map(items.filter((item) => !item.path.endsWith("/")).map((item) => [item.path, item.size]));
  const known = new Map([...documents, ...run.artifacts].map((file) => [file.path, file]));
  const problems: Problem[] = [];
  for (const path of found)
    problems.push({ path, message: await messageFor(known.get(path), there, tree.context.signal) });
  for (const path of there?.keys() ?? [])
    if (!known.has(path)) problems.push({ path, message: `is there, and ${SUMS_FILE} does not list it` });
  return {
    run: run.run,
    documents: run.documents.length,
    declared: 0,
    read: read.length,
    read_bytes: read.reduce((sum, file) => sum + file.size, 0),
    unread: unread.length,
    problems,
  };
}

/** Says what is wrong with a file that differs: which of the two copies it is that changed. */
async function messageFor(
  file: LocalFile | undefined,
  there: ReadonlyMap<string, number> | undefined,
  signal: AbortSignal,
): Promise<string> {
  if (file === undefined) return "differs";
  if (there?.has(file.path) === false) return "is missing";
  if ((await hashFile(file.file, signal)).sha256 !== file.sha256)
    return `cannot be compared: the store's own copy does not have the digest of ${SUMS_FILE}`;
  return there === undefined ? "is missing or has other content" : "has other content";
}

async function verifyByReading(tree: Tree, cache: Cache, run: string, sample: number): Promise<TargetCheck> {
  const reader = await openRun(tree, cache, run);
  const directory = await completeDirectory(tree, run);
  const items = (await listItems(tree.place, directory, [], tree.transfer)) ?? [];
  const sizes = new Map(items.filter((item) => !item.path.endsWith("/")).map((item) => [item.path, item.size]));
  const receipt = receiptOf(tree, run);
  const problems: Problem[] = [];
  const sums = createHash("sha256").update(reader.sums).digest("hex");
  if (receipt !== undefined && receipt.sums_sha256 !== sums)
    problems.push({ path: SUMS_FILE, message: "is not the one that was sent" });
  const listed = [...reader.digests.keys()].map((path) => ({ path, size: sizes.get(path) ?? 0 }));
  const [artifacts, documents] = [
    listed.filter((file) => isLarge(file.path)),
    listed.filter((file) => !isLarge(file.path)),
  ];
  const read = sampleOf(artifacts, sample);
  for (const { path } of listed.filter((file) => !sizes.has(file.path))) problems.push({ path, message: "is missing" });
  for (const { path } of [...documents, ...read].filter((file) => sizes.has(file.path))) {
    const fault = await readThrough(reader, path, tree.context.signal);
    if (fault !== undefined) problems.push({ path, message: fault });
    await cache.drop(`${directory}/${path}`);
  }
  for (const path of sizes.keys())
    if (!reader.digests.has(path) && path !== SUMS_FILE && path !== SIGNATURE_FILE)
      problems.push({ path, message: `is there, and ${SUMS_FILE} does not list it` });
  return {
    run,
    documents: documents.length,
    declared: 0,
    read: read.length,
    read_bytes: read.reduce((sum, file) => sum + file.size, 0),
    unread: artifacts.length - read.length,
    problems,
  };
}

/** Checks by its name whether a file is no document: their metadata would have to be read first. */
const isLarge = (path: string): boolean => !/(?:\.json|\.jsonl|\.md|\.log|\.tsv)$/.test(path);

/** Reads a file to its end; returns what is wrong with its content. */
async function readThrough(
  reader: Awaited<ReturnType<typeof openRun>>,
  path: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    await consume(await reader.open(path), null, () => {}, signal);
    return undefined;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "E_VERIFY") return "has other content";
    throw error;
  }
}

/** Chooses files at random, until they are this part of all bytes. */
function sampleOf<T extends { readonly size: number }>(files: readonly T[], part: number): readonly T[] {
  if (part >= 1) return files;
  const wanted = files.reduce((sum, file) => sum + file.size, 0) * part;
  const chosen: T[] = [];
  let bytes = 0;
  for (const file of files.map((one) => ({ one, at: Math.random() })).toSorted((a, b) => a.at - b.at)) {
    if (bytes >= wanted) break;
    chosen.push(file.one);
    bytes += file.one.size;
  }
  return chosen;
}
