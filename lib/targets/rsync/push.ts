/**
 * Sends a run into a directory of its own, `runs/.in-<run>.<n>`: files that the target has are linked there, the others
 * are sent, SHA256SUMS last. Nothing that is there is ever written again; a further attempt links what an earlier one sent.
 */
import { HoldfastError } from "../../errors.ts";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { fsyncDirectory } from "../../store/files/atomic.ts";
import { hashFile } from "../../store/files/hash.ts";
import { runDirectory, runsDirectory } from "../../store/files/layout.ts";
import { syncTree } from "../../store/files/sync.ts";
import { readSums } from "../../store/run/checksums.ts";
import { repairLinks } from "../../store/run/publish.ts";
import type { LocalFile, LocalRun } from "../core/local-run.ts";
import type { Receipt } from "../core/receipt.ts";
import { listReceipts, writeReceipt } from "../core/receipts.ts";
import { attemptName, type FoundRun } from "./attempts.ts";
import { chooseBases, type Candidate } from "./bases.ts";
import { findDifferent, listRunPlaces, probeRun } from "./listing.ts";
import { transfer } from "./transfer.ts";
import { directoryOf, receiptOf, type Tree } from "./tree.ts";

/** Attempts whose files are linked; what an older one has, they have. */
const ATTEMPTS = 3;

/** Pushes a run, as `Target.push` promises it. */
export async function pushRun(tree: Tree, run: LocalRun): Promise<Receipt> {
  const startedAt = new Date();
  const before = receiptOf(tree, run.run);
  if (before !== undefined && before.sums_sha256 !== run.sums.sha256) throw anotherRun(tree, run, run.run);
  await tree.claim();
  const there = await listRunPlaces(tree.place, tree.transfer);
  const found = await findRun(tree, run, there);
  if (found.complete !== undefined && !(await hasSums(tree, run, found.complete)))
    throw anotherRun(tree, run, found.complete);
  const sent =
    found.complete === undefined
      ? await sendRun(tree, run, found, candidatesOf(tree, run.run, there))
      : { name: found.complete, files: 0, bytes: 0 };
  const name = await publish(tree, run.run, sent.name, found.attempts);
  if (found.complete !== undefined && before !== undefined && directoryOf(before) === name)
    return { ...before, sent: { files: 0, bytes: 0 } };
  const receipt = receiptFor(tree, run, { ...sent, name, startedAt });
  await writeReceipt(tree.context.store, receipt);
  return receipt;
}

/** Finds the directories of the run there, by questions where nothing can be listed. */
async function findRun(tree: Tree, run: LocalRun, there: ReadonlyMap<string, FoundRun> | undefined): Promise<FoundRun> {
  if (there !== undefined) return there.get(run.run) ?? { complete: undefined, attempts: [], next: 1 };
  return await probeRun(tree.place, run.run, async (name) => await hasSums(tree, run, name), tree.transfer);
}

/** Checks whether a directory has the very SHA256SUMS of the run. */
async function hasSums({ place, transfer: context }: Tree, run: LocalRun, name: string): Promise<boolean> {
  const comparison = {
    source: run.directory,
    directory: `runs/${name}`,
    files: [run.sums.path],
    by: "content",
  } as const;
  return (await findDifferent(place, comparison, context)).length === 0;
}

const anotherRun = (tree: Tree, run: LocalRun, name: string): HoldfastError =>
  new HoldfastError("E_VERIFY", `${tree.place.address} has another run ${run.run} than the store, in runs/${name}`, {
    hint: "find out which of the two was changed; nothing there was overwritten",
  });

/** Returns the runs there by which files may be linked, newest first. */
function* candidatesOf(
  tree: Tree,
  run: string,
  there: ReadonlyMap<string, FoundRun> | undefined,
): Generator<Candidate> {
  const runs = there === undefined ? listReceipts(tree.context.store, tree.name) : [...there.keys()].toSorted();
  for (const other of runs.toReversed()) {
    const receipt = receiptOf(tree, other);
    const name = there === undefined ? receipt && directoryOf(receipt) : there.get(other)?.complete;
    if (name === undefined || other === run) continue;
    const received = (): Map<string, string> => new Map((receipt?.files ?? []).map((file) => [file.path, file.sha256]));
    yield { name, digests: () => readSums(runDirectory(tree.context.store, other)) ?? received() };
  }
}

interface Sent {
  /** Its directory in `runs/`. */
  readonly name: string;
  readonly files: number;
  readonly bytes: number;
}

async function sendRun(tree: Tree, run: LocalRun, found: FoundRun, candidates: Iterable<Candidate>): Promise<Sent> {
  const listed = [...run.artifacts, ...run.documents];
  const bases = chooseBases(new Map(listed.map((file) => [file.path, file.sha256])), candidates);
  const others = listed.filter((file) => !bases.held.has(file.path));
  for (const file of others) await assertIntact(run, file, tree.context.signal);
  const name = attemptName(run.run, found.next);
  const attempts = found.attempts.slice(-ATTEMPTS).toReversed();
  const first = others.map((file) => file.path);
  const signature = run.signature === undefined ? [] : [run.signature.path];
  // SHA256SUMS makes it a run, so that the signature is there before it.
  const calls: [readonly string[], readonly string[]][] = [
    [[...bases.held], [...bases.names, ...attempts]],
    [[...first, ...signature], attempts],
    [[run.sums.path], []],
  ];
  let [files, bytes] = [0, 0];
  for (const [paths, links] of calls) {
    if (paths.length === 0) continue;
    const call = await sendFiles(tree, run, { name, paths, links });
    files += call.files;
    bytes += call.literal;
  }
  return { name, files, bytes };
}

/** Throws `E_VERIFY` for a file that the store has lost or changed. */
async function assertIntact(run: LocalRun, { path, file, sha256 }: LocalFile, signal: AbortSignal): Promise<void> {
  if ((await hashFile(file, signal)).sha256 === sha256) return;
  throw new HoldfastError("E_VERIFY", `${run.run}/${path} does not have the digest that SHA256SUMS records`, {
    hint: "the run was not sent; npx tsx scripts/verify.ts finds all that is damaged",
  });
}

async function sendFiles(
  { place, transfer: context }: Tree,
  run: LocalRun,
  {
    name,
    paths,
    links,
  }: { readonly name: string; readonly paths: readonly string[]; readonly links: readonly string[] },
): ReturnType<typeof transfer> {
  const options = [
    "--archive",
    "--no-D",
    "--mkpath",
    // On this host all is synced at once, before the run gets its name.
    ...(place.directory === undefined ? ["--fsync"] : []),
    ...links.map((link) => `--link-dest=${place.anchored(`runs/${link}`)}`),
  ];
  const operands = [`${run.directory}/`, `${place.operand(`runs/${name}`)}/`];
  return await transfer(place, { options, operands, files: paths }, context);
}

/** Gives a complete directory the run's name where the account can rename; returns its name. */
async function publish(tree: Tree, run: string, name: string, attempts: readonly string[]): Promise<string> {
  const { place, context } = tree;
  const hands = await place.hands();
  if (hands === undefined) return name;
  await hands.remove(attempts.map((attempt) => `runs/${attempt}`));
  if (name !== run) {
    if (place.directory !== undefined) await syncTree(runDirectory(place.directory, name), context.signal);
    await hands.rename(`runs/${name}`, `runs/${run}`);
  }
  if (place.directory === undefined) return run;
  await fsyncDirectory(runsDirectory(place.directory));
  await repairLinks(place.directory);
  return run;
}

function receiptFor(
  tree: Tree,
  run: LocalRun,
  { name, files, bytes, startedAt }: Sent & { readonly startedAt: Date },
): Receipt {
  const all = [...run.artifacts, ...run.documents, run.sums, ...(run.signature === undefined ? [] : [run.signature])];
  return {
    format: "holdfast-receipt",
    format_version: FORMAT_VERSION,
    target: tree.name,
    kind: tree.kind,
    address: tree.place.address,
    run: run.run,
    sums_sha256: run.sums.sha256,
    started_at: startedAt.toISOString(),
    finished_at: new Date().toISOString(),
    sent: { files, bytes },
    files: all.map(({ path, sha256, size }) => ({
      path,
      sha256,
      size_bytes: size,
      key: `runs/${name}/${path}`,
      version_id: null,
      locked_until: null,
      declared: false,
    })),
  };
}
