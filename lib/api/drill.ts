/** Drills: proves by a restore into a sandbox that runs can be restored. */
import path from "node:path";
import type { SiteConfig } from "../config/load.ts";
import { signingOf } from "../config/settings/signing.ts";
import { EXIT } from "../errors.ts";
import { drillReinit, type ReinitDrill } from "../ops/drill/reinit.ts";
import { drill, type DrillOptions as OpsOptions, type DrillOutcome, type DrillRequest } from "../ops/drill/run.ts";
import { monitor } from "../ops/monitor/job.ts";
import { concludeDrill } from "../ops/monitor/proof.ts";
import { assertApart, wholeNumber, type Frame } from "./call.ts";
import type { SiteStore } from "./site.ts";
import { countProblems } from "./verify.ts";

export const DRILL_DEFAULTS = { run: "latest", projects: 3, workers: 2, search: true } as const;

/** The place in which a drill works, and its database server. */
export interface SandboxOptions {
  /** Parent directory of the sandbox; `$TMPDIR` by default. */
  readonly sandbox?: string | undefined;
  /** URL of a server for scratch databases; a private server by default. */
  readonly database?: string | undefined;
}

export interface DrillOptions extends SandboxOptions {
  /** An id, or `latest`, the default. */
  readonly run?: string | undefined;
  /** Drills each full backup from this run or day on, in place of `run`. */
  readonly allSince?: string | undefined;
  /** Files of identities that open sealed artifacts; `encryption.identity_command` by default. */
  readonly identities?: readonly string[] | undefined;
  /** Directory for the evidence; the store by default. */
  readonly evidence?: string | undefined;
  /** The number of projects to compile. */
  readonly projects?: number | undefined;
  /** Worker threads. */
  readonly workers?: number | undefined;
  /** Restores what was not proved in the last 35 days, and every database. */
  readonly changed?: boolean | undefined;
  /** After a failure, finds the newest earlier run that can be restored; true by default. */
  readonly search?: boolean | undefined;
  /** Reports a check that is not proved as a failure to the monitors. */
  readonly strict?: boolean | undefined;
  /** File of the signers whose signatures count; that of the config by default. */
  readonly allowedSigners?: string | undefined;
}

/** Callbacks of a drill. */
export type DrillHooks = Partial<Pick<OpsOptions, "onPhase" | "onCheck" | "onBytes">>;

export interface DrillSummary extends DrillOutcome {
  readonly error_count: number;
}

/** Drills runs, and reports how it ended to the monitors of the config. Throws what `drill` throws. */
export async function drillRuns(
  { store, config, content }: SiteStore,
  options: DrillOptions,
  {
    signal,
    onWarning,
    onPhase = () => {},
    onCheck = () => {},
    onBytes = () => {},
  }: Pick<Frame, "signal"> & DrillHooks & { readonly onWarning: (text: string) => void },
): Promise<DrillOutcome> {
  const request = {
    ...requestOf(options),
    store,
    config,
    content,
    signing: signingOf(config, options.allowedSigners),
  };
  return await monitor(
    {
      job: "drill",
      config,
      dest: store,
      signal,
      conclude: (done, site) => concludeDrill(site, done, exitOfDrill(done, options.strict)),
      onWarning,
    },
    async () => await drill(request, { signal, onPhase, onCheck, onBytes }),
  );
}

function requestOf(options: DrillOptions): Omit<DrillRequest, "store" | "config" | "content"> {
  assertApart(options, ["changed", "allSince"]);
  const { run, allSince, evidence, database, projects, workers, search, changed = false } = options;
  return {
    run: run ?? DRILL_DEFAULTS.run,
    allSince,
    sandbox: resolved(options.sandbox),
    database,
    identities: options.identities ?? [],
    evidence: resolved(evidence),
    projects: wholeNumber("projects", projects ?? DRILL_DEFAULTS.projects, 0),
    workers: wholeNumber("workers", workers ?? DRILL_DEFAULTS.workers, 1),
    search: search ?? DRILL_DEFAULTS.search,
    changed,
  };
}

const resolved = (given: string | undefined): string | undefined =>
  given === undefined ? undefined : path.resolve(given);

/** Returns the exit status of a drill. */
export function exitOfDrill({ ok, drills }: DrillOutcome, strict = false): number {
  const unproved = drills.some(({ not_proved }) => not_proved.length > 0);
  return ok && !(strict && unproved) ? EXIT.ok : EXIT.verification;
}

export const drillSummary = ({ ok, drills, restorable, warnings }: DrillOutcome): DrillSummary => ({
  ok,
  ...(restorable === undefined ? {} : { restorable }),
  error_count: drills.reduce((sum, { checks }) => sum + countProblems(checks), 0),
  warnings,
  drills,
});

/** Tests a reinit on a copy of the database. Throws what `drillReinit` throws. */
export const drillReinitOf = async (
  config: SiteConfig,
  { sandbox, database }: SandboxOptions,
  hooks: Pick<Frame, "signal"> & { readonly onPhase: (phase: string) => void },
): Promise<ReinitDrill> => await drillReinit({ config, sandbox: resolved(sandbox), database }, hooks);
