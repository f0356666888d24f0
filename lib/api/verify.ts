/** Verifies a run. */
import path from "node:path";
import { signingOf } from "../config/settings/signing.ts";
import { EXIT } from "../errors.ts";
import { monitor } from "../ops/monitor/job.ts";
import { concludeVerification } from "../ops/monitor/proof.ts";
import { parseSample } from "../ops/verify/inventory/sample.ts";
import { verify, type Check, type Verification, type VerifyRequest } from "../ops/verify/run.ts";
import { assertApart, type Frame } from "./call.ts";
import type { SiteStore } from "./site.ts";

export const VERIFY_DEFAULTS = { run: "latest" } as const;

export interface VerifyOptions {
  /** An id, or `latest`, the default. */
  readonly run?: string | undefined;
  /** Checks documents, sizes and counts only; reads no artifact. */
  readonly quick?: boolean | undefined;
  /** `n/t`: reads only the n-th of t parts; 1/t to t/t read everything once. */
  readonly sample?: string | undefined;
  /** Also restores each dump into a scratch database, and opens compiled texts in Chromium. */
  readonly deep?: boolean | undefined;
  /** Also compares with the current site; needs the config. */
  readonly live?: boolean | undefined;
  /** With `deep`: URL of a server for scratch databases; a private server by default. */
  readonly scratch?: string | undefined;
  /** Files of identities that open sealed artifacts; `encryption.identity_command` by default. */
  readonly identities?: readonly string[] | undefined;
  /** Directory for the evidence; the store by default. */
  readonly evidence?: string | undefined;
  /** File of the signers whose signatures count; that of the config by default. */
  readonly allowedSigners?: string | undefined;
}

/** Callbacks of a verification. */
export interface VerifyHooks {
  /** Called with each check as soon as it is done. */
  readonly onCheck?: ((check: Check) => void) | undefined;
  /** Called with the bytes read so far, and their approximate total. */
  readonly onBytes?: ((done: number, total: number) => void) | undefined;
}

export interface VerifySummary extends Verification {
  readonly error_count: number;
}

/** Verifies a run, and reports how it ended to the monitors of the config. Throws what `verify` throws. */
export async function verifyRun(
  { store, config, content }: SiteStore,
  options: VerifyOptions,
  {
    signal,
    onWarning,
    onCheck = () => {},
    onBytes = () => {},
  }: Pick<Frame, "signal"> & VerifyHooks & { readonly onWarning: (text: string) => void },
): Promise<Verification> {
  const request = {
    ...requestOf(options),
    store,
    config,
    content,
    signing: signingOf(config, options.allowedSigners),
  };
  return await monitor(
    {
      job: "verify",
      config,
      dest: store,
      signal,
      conclude: (done, site) => concludeVerification(site, done, exitOfVerification(done)),
      onWarning,
    },
    async () => await verify(request, { signal, onCheck, onBytes }),
  );
}

function requestOf(options: VerifyOptions): Omit<VerifyRequest, "store" | "config" | "content"> {
  assertApart(options, ["quick", "deep"], ["quick", "live"], ["quick", "sample"]);
  const { run = VERIFY_DEFAULTS.run, sample, evidence, quick = false, deep = false, live = false, scratch } = options;
  return {
    run,
    quick,
    deep,
    live,
    scratch,
    identities: options.identities,
    evidence: evidence === undefined ? undefined : path.resolve(evidence),
    ...(sample === undefined ? {} : { sample: parseSample(sample) }),
  };
}

/** Returns the exit status of a verification. */
export const exitOfVerification = ({ ok }: Verification): number => (ok ? EXIT.ok : EXIT.verification);

export const verifySummary = ({ checks, ...rest }: Verification): VerifySummary => ({
  ...rest,
  error_count: countProblems(checks),
  checks,
});

/** Returns the number of problems of all checks. */
export const countProblems = (checks: readonly { readonly problems: readonly unknown[] }[]): number =>
  checks.reduce((sum, { problems }) => sum + problems.length, 0);
