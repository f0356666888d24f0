/**
 * Checks whether a site works and is backed up: its databases, projects, disks, newest run, and smoke command. It only
 * reads, except for the site's own smoke command. What is not configured is not verified.
 */
import type { SiteConfig } from "../../config/load.ts";
import { asHoldfastError } from "../../errors.ts";
import { findStore } from "../../store/open.ts";
import { openSigning } from "../../store/signing/open.ts";
import { checkSignatures } from "../signing/store-problems.ts";
import { checkDatabases } from "./databases.ts";
import { checkLatestRun } from "./latest-run.ts";
import { checkProjects } from "./projects.ts";
import { smoke } from "../site/commands.ts";
import { checkDisk } from "../checks/free-space.ts";
import type { CheckState, Finding, Problem } from "../checks/check.ts";

export type HealthCheckId =
  | "database"
  | "migrations"
  | "rows"
  | "projects"
  | "site_disk"
  | "store_disk"
  | "latest_run"
  | "signatures"
  | "application";

export interface HealthCheck {
  readonly id: HealthCheckId;
  readonly title: string;
  readonly state: CheckState;
  readonly ok: boolean;
  readonly figure: string;
  readonly problems: readonly Problem[];
  /** The complete output of the smoke command's last attempt. */
  readonly output?: string;
}

export interface Health {
  readonly site: string;
  /** True if nothing failed. */
  readonly ok: boolean;
  readonly checks: readonly HealthCheck[];
}

export interface HealthRequest {
  readonly config: SiteConfig;
  /** The store; without it the backups cannot be checked. */
  readonly store: string | undefined;
  /** Maximum age of the newest run, in hours. */
  readonly maxAge: number;
}

export interface HealthOptions {
  readonly signal: AbortSignal;
  /** Called with each check as soon as it is done. */
  readonly onCheck?: (check: HealthCheck) => void;
}

const TITLES: Readonly<Record<HealthCheckId, string>> = {
  database: "database",
  migrations: "migrations",
  rows: "rows",
  projects: "projects",
  site_disk: "disk of the site",
  store_disk: "disk of the store",
  latest_run: "latest run",
  signatures: "signatures",
  application: "application",
};

/** Runs all checks. A problem is a failed check; only an abort throws. */
export async function checkHealth(
  { config, store, maxAge }: HealthRequest,
  { signal, onCheck }: HealthOptions,
): Promise<Health> {
  const checks: HealthCheck[] = [];
  let output: string | undefined;
  const say = (id: HealthCheckId, { figure, problems, notProved }: Finding): void => {
    const state = problems.length > 0 ? "failed" : notProved === undefined ? "ok" : "not proved";
    const shown = notProved === undefined ? figure : [figure, `not proved: ${notProved}`].filter(Boolean).join("; ");
    const said = id === "application" && output !== undefined ? { output } : {};
    const check = { id, title: TITLES[id], state, ok: state !== "failed", figure: shown, problems, ...said } as const;
    checks.push(check);
    onCheck?.(check);
  };
  const attempt = async (id: HealthCheckId, work: () => Promise<Finding> | Finding): Promise<void> => {
    signal.throwIfAborted();
    try {
      say(id, await work());
    } catch (error) {
      signal.throwIfAborted();
      say(id, { figure: "failed", problems: [{ path: TITLES[id], message: asHoldfastError(error).message }] });
    }
  };
  const databases = await checkDatabases(config, signal);
  say("database", databases.database);
  say("migrations", databases.migrations);
  say("rows", databases.rows);
  await attempt("projects", async () => await checkProjects(config, signal));
  await attempt("site_disk", async () => await checkDisk(config.root, 0));
  const latest = await checkLatestRun(store, config.site, maxAge);
  await attempt("store_disk", async () => await checkDisk(store, latest.written));
  say("latest_run", latest.finding);
  const signatures = store === undefined ? undefined : await findSignatures(config, store, signal);
  if (signatures !== undefined) say("signatures", signatures);
  await attempt("application", async () =>
    (await smoke(config, signal, (text) => (output = text)))
      ? { figure: "the smoke command succeeds", problems: [] }
      : { figure: "", problems: [], notProved: "health.smoke is not configured" },
  );
  return { site: config.site, ok: checks.every(({ ok }) => ok), checks };
}

/** Checks the signatures of the store; undefined without a store, and where nothing is signed. */
async function findSignatures(
  { signing }: SiteConfig,
  dest: string,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  try {
    const store = await findStore(dest);
    const found = await checkSignatures(store, openSigning(signing, store.path), signal);
    if (found?.state !== "not proved") return found;
    return { figure: "", problems: [], notProved: found.figure };
  } catch (error) {
    signal.throwIfAborted();
    if (signing === undefined) return undefined; // the check of the latest run tells of the store
    return { figure: "failed", problems: [{ path: dest, message: asHoldfastError(error).message }] };
  }
}
