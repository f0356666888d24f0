/**
 * Verifies a run on a target. Where the store still has it, the other side hashes its files and rsync compares them with
 * the store's, which needs no right to read. Else they are fetched and hashed here.
 */
import { hashFile } from "../../store/files/hash.ts";
import { isSummed, SUMS_FILE } from "../../store/run/checksums.ts";
import { digestOf } from "../core/content.ts";
import type { LocalFile, LocalRun } from "../core/local-run.ts";
import { isDrawn, type Sample } from "../core/sample.ts";
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
  return local === undefined
    ? await verifyByReading(tree, cache, run, sample)
    : await compareRun(tree, cache, local, sample);
}

async function compareRun(tree: Tree, cache: Cache, run: LocalRun, sample: Sample): Promise<TargetCheck> {
  const { place, transfer } = tree;
  const names = await listItems(place, "runs", ["--exclude=/*/*"], transfer);
  const receipt = receiptOf(tree, run.run);
  const recorded = receipt === undefined ? undefined : directoryOf(receipt);
  const directory =
    names === undefined && recorded !== undefined ? `runs/${recorded}` : await completeDirectory(tree, run.run);
  const read = run.artifacts.filter((file) => isDrawn(sample, file.sha256));
  const unread = run.artifacts.filter((file) => !isDrawn(sample, file.sha256));
  const documents = [...run.documents, run.sums, ...(run.signature === undefined ? [] : [run.signature])];
  const different = async (files: readonly LocalFile[], by: "content" | "size"): Promise<string[]> => {
    const comparison = { source: run.directory, directory, files: files.map((file) => file.path), by };
    return files.length === 0 ? [] : await findDifferent(place, comparison, transfer);
  };
  const found = new Set([
    ...(await different([...documents, ...read], "content")),
    ...(await different(unread, "size")),
  ]);
  const there = names === undefined ? undefined : await sizesIn(tree, directory);
  const all = [...documents, ...run.artifacts];
  const problems: Problem[] = [];
  for (const file of all.filter((one) => found.has(one.path)))
    problems.push({ path: file.path, message: await messageFor(file, { tree, cache, directory, there }) });
  const known = new Set(all.map((file) => file.path));
  for (const path of there?.keys() ?? []) if (!known.has(path)) problems.push({ path, message: UNLISTED });
  return {
    run: run.run,
    documents: run.documents.length,
    declared: 0,
    read: read.length,
    read_bytes: read.reduce((sum, file) => sum + file.size, 0),
    unread: unread.length,
    problems: sorted(problems),
  };
}

const UNLISTED = `is not in ${SUMS_FILE}`;

const sorted = (problems: readonly Problem[]): Problem[] => problems.toSorted((a, b) => (a.path < b.path ? -1 : 1));

/** Returns the sizes of all files there, by path. */
async function sizesIn(tree: Tree, directory: string): Promise<Map<string, number>> {
  const items = (await listItems(tree.place, directory, [], tree.transfer)) ?? [];
  return new Map(items.filter((item) => !item.path.endsWith("/")).map((item) => [item.path, item.size]));
}

interface Found {
  readonly tree: Tree;
  readonly cache: Cache;
  readonly directory: string;
  /** Undefined where nothing can be read. */
  readonly there: ReadonlyMap<string, number> | undefined;
}

/** Says what is wrong with a file that differs, and which of the two copies changed. */
async function messageFor(file: LocalFile, { tree, cache, directory, there }: Found): Promise<string> {
  const { signal } = tree.context;
  if (there?.has(file.path) === false) return "is missing";
  if ((await hashFile(file.file, signal)).sha256 !== file.sha256)
    return `cannot be compared: the store's own copy does not have the digest of ${SUMS_FILE}`;
  if (there === undefined) return "is missing or has other content";
  const name = `${directory}/${file.path}`;
  const { sha256 } = await hashFile(await cache.file(name), signal);
  await cache.drop(name);
  const what = `has the sha256 ${sha256}, not ${file.sha256}`;
  return file.path === SUMS_FILE ? `was replaced: it ${what}` : what;
}

async function verifyByReading(tree: Tree, cache: Cache, run: string, sample: Sample): Promise<TargetCheck> {
  const reader = await openRun(tree, cache, run);
  const directory = await completeDirectory(tree, run);
  const sizes = await sizesIn(tree, directory);
  const receipt = receiptOf(tree, run);
  const problems: Problem[] = [];
  const sums = digestOf(reader.sums);
  if (receipt !== undefined && receipt.sums_sha256 !== sums)
    problems.push({ path: SUMS_FILE, message: `was replaced: it has the sha256 ${sums}, not ${receipt.sums_sha256}` });
  const counts = { documents: 0, declared: 0, read: 0, read_bytes: 0, unread: 0 };
  for (const [path, sha256] of reader.digests) {
    const size = sizes.get(path);
    if (size === undefined) problems.push({ path, message: "is missing" });
    else if (isDocument(path)) counts.documents++;
    else if (isDrawn(sample, sha256)) {
      counts.read++;
      counts.read_bytes += size;
    } else {
      counts.unread++;
      continue;
    }
    if (size === undefined) continue;
    const name = `${directory}/${path}`;
    const found = await hashFile(await cache.file(name), tree.context.signal);
    await cache.drop(name);
    if (found.sha256 !== sha256) problems.push({ path, message: `has the sha256 ${found.sha256}, not ${sha256}` });
  }
  for (const path of sizes.keys())
    if (!reader.digests.has(path) && isSummed(path)) problems.push({ path, message: UNLISTED });
  return { run, ...counts, problems: sorted(problems) };
}

/** Checks by its name whether a file is a document: what its metadata says of it is not known yet. */
const isDocument = (path: string): boolean => /\.(?:json|jsonl|md|log|tsv|yaml)$/.test(path);
