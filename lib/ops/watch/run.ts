/** Watches a site from outside of its backups: a run that is missing, a command that hangs, a proof that is old. */
import { randomUUID } from "node:crypto";
import type { SiteConfig } from "../../config/load.ts";
import { asHoldfastError, EXIT, HoldfastError } from "../../errors.ts";
import { findStore } from "../../store/open.ts";
import { openSigning } from "../../store/signing/open.ts";
import { report, type News } from "../alerts/report.ts";
import type { Subject } from "../alerts/memory.ts";
import { writeMetrics } from "../metrics/write.ts";
import { checkProofAge } from "../runs/stale-proof.ts";
import { checkSignatures } from "../signing/store-problems.ts";
import { checkLock } from "./lock.ts";
import { checkRecentRun } from "./recent-run.ts";
import type { WatchCheck } from "./check.ts";

export interface Watch {
  readonly site: string;
  /** True if nothing is missing or stale. */
  readonly ok: boolean;
  readonly checks: readonly WatchCheck[];
  /** Notes about alerts and metrics. */
  readonly warnings: readonly string[];
}

/**
 * Checks the store, sends alerts of what is wrong, and writes the metrics. Throws `E_STORE` when there is no store,
 * after an alert.
 */
export async function watch(config: SiteConfig, dest: string, signal: AbortSignal): Promise<Watch> {
  const { site } = config;
  let checks: WatchCheck[];
  try {
    checks = await runChecks(config, dest, signal);
  } catch (error) {
    signal.throwIfAborted();
    await reportError(config, asHoldfastError(error, "E_STORE"));
    throw error;
  }
  const failed = checks.filter(({ state }) => state === "failed");
  const ok = failed.length === 0;
  const text = failed.flatMap(({ problems }) => problems.map(({ message }) => message)).join("\n");
  const ping = { job: "watch", id: randomUUID(), state: ok ? EXIT.ok : EXIT.partial, text } as const;
  const news = failed.map((check) => newsOf(site, check));
  const warnings = await report(config, { news, settled: settledBy(checks), ping });
  return { site, ok, checks, warnings: [...warnings, ...(await writeMetrics(config, dest, signal))] };
}

async function runChecks(config: SiteConfig, dest: string, signal: AbortSignal): Promise<WatchCheck[]> {
  const store = await findStore(dest);
  if (store.site !== config.site)
    throw new HoldfastError("E_CONFIG", `the store is of the site ${store.site}, the config of ${config.site}`);
  const now = new Date();
  const { max_age, max_duration } = config.alerts;
  const signing = openSigning(config.signing, store.path);
  const signatures = await checkSignatures(store, signing, signal);
  return [
    checkRecentRun(store.path, max_age, now),
    await checkLock(store.path, max_duration, now),
    { id: "proof", title: "proof", ...(await checkProofAge(store.path, now, { signing, signal })) },
    ...(signatures === undefined ? [] : [{ id: "signatures", title: "signatures", ...signatures } as const]),
  ];
}

/** The subject of each check. */
const SUBJECTS: Readonly<Record<WatchCheck["id"], Subject>> = {
  recent_run: "missed",
  lock: "missed",
  proof: "proof",
  signatures: "signatures",
};

const EVENTS: Readonly<Record<WatchCheck["id"], News["event"]>> = {
  recent_run: "missed",
  lock: "missed",
  proof: "proof_stale",
  signatures: "anomaly",
};

/** Returns the subjects of which every check is fine; what cannot be checked settles nothing. */
const settledBy = (checks: readonly WatchCheck[]): Subject[] =>
  [...new Set(Object.values(SUBJECTS))].filter((subject) =>
    checks.filter(({ id }) => SUBJECTS[id] === subject).every(({ state }) => state === "ok"),
  );

const newsOf = (site: string, { id, title, problems }: WatchCheck): News => ({
  event: EVENTS[id],
  subject: SUBJECTS[id],
  cause: id,
  title: `${site}: ${problems[0]?.message ?? title}`,
  text: problems.map(({ message }) => message).join("\n"),
  run: null,
});

async function reportError(config: SiteConfig, { code, message, hint, exitCode }: HoldfastError): Promise<void> {
  const title = `${config.site}: the backups cannot be checked (${code})`;
  const text = `${message}\nhint: ${hint}`;
  const news: News = { event: "missed", subject: "missed", cause: `watch ${code}`, title, text, run: null };
  const ping = { job: "watch", id: randomUUID(), state: exitCode, text } as const;
  await report(config, { news: [news], settled: [], ping });
}
