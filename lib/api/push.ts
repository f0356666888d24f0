/** Pushes runs to targets off-site, verifies what is there, and pulls runs from other hosts. */
import type { SiteConfig } from "../config/load.ts";
import { EXIT, HoldfastError } from "../errors.ts";
import { monitor } from "../ops/monitor/job.ts";
import { concludePush } from "../ops/monitor/push.ts";
import { pull, type PullHooks as OpsPullHooks, type PullOutcome } from "../ops/pull/run.ts";
import { probe, type ProbeOutcome } from "../ops/push/probe.ts";
import { push, type PushHooks as OpsHooks, type PushOutcome } from "../ops/push/run.ts";
import { verifyTarget, type TargetVerification, type VerifyTargetHooks as OpsVerifyHooks } from "../ops/push/verify.ts";
import { parseSample, type Sample } from "../ops/verify/inventory/sample.ts";
import { openAddress, openPlace } from "../targets/rsync/place/address.ts";
import type { Place } from "../targets/rsync/place/interface.ts";
import { assertApart, type Frame } from "./call.ts";

export interface TargetOptions {
  /** The name of the target in the config. */
  readonly target: string;
}

export interface PushOptions extends TargetOptions {
  /** An id, `last`, or `latest`, the default. */
  readonly run?: string | undefined;
  /** Pushes every run that the target did not acknowledge yet. */
  readonly all?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

export interface VerifyTargetOptions extends TargetOptions {
  /** An id, or `latest`, the default. */
  readonly run?: string | undefined;
  readonly all?: boolean | undefined;
  /** `n/t`: reads the n-th of t parts of what no declared checksum proves. By default each day another thirtieth. */
  readonly sample?: string | undefined;
}

/** Callbacks of a push. */
export type PushHooks = Partial<Pick<OpsHooks, "onRun" | "onBytes">>;
export type VerifyTargetHooks = Partial<Pick<OpsVerifyHooks, "onCheck" | "onBytes">>;

type Site = { readonly store: string; readonly config: SiteConfig };
type Warned = Pick<Frame, "signal"> & { readonly onWarning: (text: string) => void };

export type PushSummary = PushOutcome;
export type ProbeSummary = ProbeOutcome;

export interface TargetVerificationSummary extends TargetVerification {
  readonly error_count: number;
}

const PARTS = 30;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Pushes runs to a target. Throws what `push` throws. */
export async function pushRuns(site: Site, options: PushOptions, hooks: PushHooks & Warned): Promise<PushSummary> {
  const { onRun = () => {}, onBytes = () => {}, signal, onWarning } = hooks;
  const request = { ...site, target: options.target, run: runOf(options), dryRun: options.dryRun ?? false };
  const work = async (): Promise<PushOutcome> => await push(request, { signal, onWarning, onRun, onBytes });
  if (request.dryRun) return await work();
  const { store: dest, config } = site;
  return await monitor(
    { job: "push", config, dest, signal, conclude: (done, name) => concludePush(name, done), onWarning },
    work,
  );
}

/** Finds out and records what a target allows and enforces. */
export const probeTarget = async (
  site: Site,
  { target }: TargetOptions,
  { signal, onWarning }: Warned,
): Promise<ProbeSummary> => await probe({ ...site, target }, { signal, onBytes: () => {}, onNote: onWarning });

/** Compares runs on a target with what was recorded. Throws what `verifyTarget` throws. */
export async function verifyOnTarget(
  site: Site,
  options: VerifyTargetOptions,
  hooks: VerifyTargetHooks & Warned,
): Promise<TargetVerificationSummary> {
  const { onCheck = () => {}, onBytes = () => {}, signal, onWarning } = hooks;
  const sample = options.sample === undefined ? sampleOf(new Date()) : parseSample(options.sample);
  const request = { ...site, target: options.target, run: runOf(options), sample };
  const found = await verifyTarget(request, { signal, onWarning, onCheck, onBytes });
  const problems = found.runs.reduce((sum, check) => sum + check.problems.length, 0);
  return { ...found, error_count: problems + found.missing.length };
}

/** Another part each day, so that thirty days read everything once. */
const sampleOf = (now: Date): Sample => ({ n: (Math.floor(now.getTime() / DAY_MS) % PARTS) + 1, t: PARTS });

/** Returns undefined for all runs. */
function runOf(options: { readonly run?: string | undefined; readonly all?: boolean | undefined }): string | undefined {
  assertApart(options, ["run", "all"]);
  if (options.run === "") throw new HoldfastError("E_USAGE", "run must not be empty");
  return options.all === true ? undefined : (options.run ?? "latest");
}

/** Returns the exit status of a verification of a target. */
export const exitOfTarget = ({ ok }: TargetVerification): number => (ok ? EXIT.ok : EXIT.verification);

export interface PullOptions {
  /** `ssh://user@host:port/path`, an absolute path, or a target of the config. */
  readonly from: string;
  /** An id; by default every run that was never here. */
  readonly run?: string | undefined;
  /** The private key for `ssh://`; those of ssh and its agent when absent. */
  readonly key?: string | undefined;
  /** A file with the host key for `ssh://`; those of ssh when absent. */
  readonly knownHosts?: string | undefined;
  /** Takes over a lock held from another host. */
  readonly breakLock?: boolean | undefined;
}

/** Callbacks of a pull. */
export type PullHooks = Partial<Pick<OpsPullHooks, "onRun" | "onBytes">>;

export interface PullSummary extends PullOutcome {
  readonly ok: boolean;
}

/** Pulls runs into a store. Throws what `pull` throws, and `E_USAGE` for an address that is none. */
export async function pullRuns(
  { store, config }: { readonly store: string; readonly config: SiteConfig | undefined },
  options: PullOptions,
  { onRun = () => {}, onBytes = () => {}, ...frame }: PullHooks & Frame,
): Promise<PullSummary> {
  const { place, bandwidth } = sourceOf(config, options, frame.signal);
  try {
    const { run, breakLock = false } = options;
    const request = { place, dest: store, site: config?.site, run, breakLock, bandwidth };
    const outcome = await pull(request, { ...frame, onRun, onBytes });
    return { ...outcome, ok: outcome.refused.length === 0 };
  } finally {
    await place.close();
  }
}

function sourceOf(
  config: SiteConfig | undefined,
  { from, key, knownHosts }: PullOptions,
  signal: AbortSignal,
): { readonly place: Place; readonly bandwidth: number | undefined } {
  const settings = config !== undefined && Object.hasOwn(config.targets, from) ? config.targets[from] : undefined;
  if (settings === undefined) return { place: openAddress(from, { key, knownHosts }, signal), bandwidth: undefined };
  if (settings.kind !== "rsync" && settings.kind !== "directory")
    throw new HoldfastError("E_USAGE", `the target ${from} is of the kind ${settings.kind}: pull copies trees`, {
      hint: "pull from a target of the kind rsync or directory, or from ssh://user@host:port/path",
    });
  return { place: openPlace(settings, signal), bandwidth: settings.bandwidth_limit };
}

/** Returns the exit status of a pull. */
export const exitOfPull = ({ ok }: PullSummary): number => (ok ? EXIT.ok : EXIT.verification);
