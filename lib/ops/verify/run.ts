/**
 * Proves a published run: what its documents say of each other, of the files and of the site's own rows, and, unless it
 * is to be quick, every byte of every file. Changes nothing of it, and takes no lock; the run is pinned meanwhile. What
 * was found is kept as evidence.
 */
import { HoldfastError } from "../../errors.ts";
import { collectGarbage } from "../../exec/v8-memory.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { findStore, type Store } from "../../store/open.ts";
import { openSigning } from "../../store/signing/open.ts";
import { pinRun } from "../../store/lock/pins.ts";
import { sweepSandboxes } from "../scratch/sandbox.ts";
import { findRun } from "../runs/find-run.ts";
import { CHECKS, checkContext, isNotAskedFor, toCheck } from "./checks.ts";
import { requireScratchServer } from "./deep/databases.ts";
import { writeVerifyEvidence } from "./evidence.ts";
import { ArtifactReaders } from "../checks/artifact-readers.ts";
import { sampleSurvey, showSample } from "./inventory/sample.ts";
import { takeInventory, type RunInventory } from "./inventory/run-inventory.ts";
import type { Check, Verification } from "../checks/check.ts";
import { openContent } from "./content.ts";
import type { PlainCopy } from "../sealed/plain-copy.ts";
import type { VerifyRequest } from "./request.ts";
import path from "node:path";
import { metadataSchema, type UnitMetadata } from "../../model/unit.ts";
import { readDocument } from "../../store/files/json-documents.ts";

export type { VerifyRequest } from "./request.ts";
export type { Check, Verification } from "../checks/check.ts";

export interface VerifyOptions {
  readonly signal: AbortSignal;
  /** Hears of each check as soon as it is done. */
  readonly onCheck?: (check: Check) => void;
  /** Hears how many bytes have been read, and about how many there are. */
  readonly onBytes?: (done: number, total: number) => void;
}

/**
 * Verifies a run and gives a check for each item of the list; what is wrong with a run is a failed check and never
 * thrown. Throws `E_STORE` when there is no store, `E_RUN_UNKNOWN`, `E_VERSION` when a newer Holdfast wrote the run,
 * `E_KEY` when no identity opens what is sealed, `E_CONFIG` for a config of another site and for allowed signers that
 * cannot be trusted, `E_SIGNATURE` without `ssh-keygen`, `E_DATABASE` when the server for scratch databases does not answer.
 */
export async function verify(request: VerifyRequest, options: VerifyOptions): Promise<Verification> {
  const started = new Date();
  const store = await findStore(request.store);
  if (request.config !== undefined && request.config.site !== store.site)
    throw new HoldfastError("E_CONFIG", `the store is of the site ${store.site}, the config of ${request.config.site}`);
  if (request.live === true && request.config === undefined)
    throw new HoldfastError("E_USAGE", "a comparison with the live site needs its config", {
      hint: "name it with --config",
    });
  const signing = openSigning(request.signing, store.path);
  const run = findRun(store.path, request.run);
  const notes: string[] = [];
  if (request.deep === true) {
    if (request.scratch !== undefined) await requireScratchServer(request.scratch, options.signal);
    notes.push(...(await sweepSandboxes(undefined, request.scratch, options.signal)));
  }
  let readers: ArtifactReaders | undefined;
  let plain: PlainCopy | undefined;
  const unpin = await pinRun(store.path, run, "verify");
  try {
    const survey = await surveyOf(store, run, request, options.signal);
    collectGarbage(); // of the documents: what is read from here on is read by other threads, so that nothing would ask for it
    const sampled = request.sample === undefined ? survey : sampleSurvey(survey, request.sample);
    const checks: Check[] = [];
    let done = 0;
    const total = bytesToRead(sampled);
    const content = await openContent(sampled, request, options.signal);
    plain = content.plain;
    readers = new ArtifactReaders(request.quick ? 0 : sizeOf(sampled), options.signal, (bytes) =>
      options.onBytes?.((done += bytes), total),
    );
    const context = checkContext(request, { readers, signing, signal: options.signal });
    for (const item of CHECKS) {
      options.signal.throwIfAborted();
      if ((request.quick && item.reads) || isNotAskedFor(item, request)) continue;
      const read = content.surveyFor(item, item.reads && item.whole !== true ? sampled : survey);
      const finding = "untried" in read ? read.untried : await item.check(read, context);
      if (finding === undefined) continue;
      const check = toCheck(item, finding);
      checks.push(check);
      options.onCheck?.(check);
    }
    const result = {
      run,
      quick: request.quick,
      deep: request.deep === true,
      live: request.live === true,
      sample: request.sample === undefined ? null : showSample(request.sample),
      ok: checks.every((check) => check.ok),
      checks,
    };
    const isRestored = checks.every(({ id, state }) => id !== "database_restore" || state === "ok");
    const unitsRead = sampled.units.filter(({ step }) => isRestored || step !== "db");
    const { evidence } = request;
    const kept = await writeVerifyEvidence(survey, started, result, { evidence, unitsRead, signing }, options.signal);
    return { ...result, evidence: kept.file, notes: [...notes, ...kept.notes] };
  } finally {
    await readers?.close();
    plain?.remove();
    unpin();
  }
}

/** Takes the inventory of a run; the artifacts that will be read are brought first. */
async function surveyOf(
  store: Store,
  run: string,
  { content, quick, sample }: VerifyRequest,
  signal: AbortSignal,
): Promise<RunInventory> {
  const directory = runDirectory(store.path, run);
  await content?.documents(run);
  const survey = await takeInventory(store, run, directory, signal);
  if (content === undefined) return survey;
  const { units } = sample === undefined ? survey : sampleSurvey(survey, sample);
  const chosen = new Set(quick ? [] : units.map(({ file }) => file));
  const all = survey.units.map(({ file }) => ({
    file,
    unit: readDocument(path.join(directory, file), metadataSchema),
  }));
  const unitsOf = (isChosen: boolean): UnitMetadata[] =>
    all.filter(({ file }) => chosen.has(file) === isChosen).map(({ unit }) => unit);
  await content.bring(run, unitsOf(true));
  await content.standIn(run, unitsOf(false));
  return await takeInventory(store, run, directory, signal);
}

/** Every file is hashed, and every archive read through. */
const bytesToRead = ({ files }: RunInventory): number =>
  Array.from(files).reduce((sum, [name, { size }]) => sum + size * (/\.(?:zip|tgz)$/.test(name) ? 2 : 1), 0);

const sizeOf = ({ files }: RunInventory): number => Array.from(files.values()).reduce((sum, { size }) => sum + size, 0);
