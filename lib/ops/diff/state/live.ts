/** The site as it is now, looked at as a backup would; nothing is archived, and nothing of it is changed. */
import { createHash } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { defaultThreads } from "../../../archive/pool.ts";
import { removeTree } from "../../../archive/tree/remove.ts";
import { fromString } from "../../../archive/path.ts";
import type { SiteConfig } from "../../../config/load.ts";
import { asHoldfastError } from "../../../errors.ts";
import { PreviousRuns } from "../../../store/run/previous-runs.ts";
import { UNKNOWN_APP, type StepContext } from "../../../steps/core/context.ts";
import { createContext } from "../../../steps/core/create-context.ts";
import { openDatabase } from "../../../steps/core/projects.ts";
import type { Step } from "../../../steps/core/step.ts";
import { TreeWalker } from "../../../steps/core/tree-walker.ts";
import { withDigests } from "../../../database/facts-digest.ts";
import { StepWorkers } from "../../../steps/core/workers.ts";
import { databases } from "../../../steps/db/databases.ts";
import { sanitiseConfig } from "../../../steps/infra/redact/site-config.ts";
import { loadSteps } from "../../../steps/registry.ts";
import { liveUnits, planUnits, type LiveComparison } from "./live-units.ts";
import { CONFIG_FILE, type Side, type SideDatabase, type SideUnit } from "./side.ts";
import { configuredSeal } from "../../../store/seal/configured.ts";
import { namesDirectory } from "../../../store/sealed-names.ts";

/** Looks at the site, to compare it with a run. `files` allows that archives of the run are read. */
export async function liveSide(
  config: SiteConfig,
  store: string,
  was: Side,
  { files, signal }: { readonly files: boolean; readonly signal: AbortSignal },
): Promise<Side> {
  const scratch = mkdtempSync(path.join(tmpdir(), "holdfast-diff-"));
  const notes: string[] = [];
  try {
    const context = liveContext(config, store, was.name, { scratch, signal });
    const steps = (await loadSteps()).filter((step) => step.isConfigured(config));
    const units = await planAll(context, steps, { known: was.units, files, notes });
    const tables = await liveDatabases(config, signal, notes);
    const settings = await liveSettings(context, steps, notes);
    settings.set(CONFIG_FILE, createHash("sha256").update(sanitiseConfig(config.text)).digest("hex"));
    return { name: "live", units, databases: tables, settings, notes };
  } finally {
    removeTree(fromString(scratch));
  }
}

/** Returns the context of steps that plan, with the units of `run` as those before. */
function liveContext(
  config: SiteConfig,
  store: string,
  run: string,
  { scratch, signal }: { readonly scratch: string; readonly signal: AbortSignal },
): StepContext {
  const workers = config.workers ?? defaultThreads();
  const nothing = { only: [], skip: [], textTypes: [], existing: "skip", checksums: false, resume: false } as const;
  const seal = configuredSeal(config);
  const context = createContext({
    config,
    options: { ...nothing, workers, dryRun: true },
    run,
    directory: scratch,
    scratch,
    copies: scratch,
    seal,
    store,
    names: namesDirectory(store, seal),
    keepsProjects: false,
    app: UNKNOWN_APP,
    signal,
    report: () => {},
  });
  return { ...context, previous: new PreviousRuns(store, { runs: [run], names: context.names }) };
}

async function planAll(
  context: StepContext,
  steps: readonly Step[],
  comparison: LiveComparison,
): Promise<Map<string, SideUnit>> {
  const units = new Map<string, SideUnit>();
  const walker = new TreeWalker(context.options.workers, context.signal);
  try {
    const isLast = (step: Step): number => Number(step.plannedLast === true);
    for (const step of steps.filter(({ name }) => name !== "infra").toSorted((a, b) => isLast(a) - isLast(b))) {
      const plans = await planUnits(context, step, walker, comparison.notes);
      for (const [key, unit] of liveUnits(context, step, plans, comparison)) units.set(key, unit);
    }
    return units;
  } finally {
    await walker.close();
  }
}

async function liveDatabases(
  config: SiteConfig,
  signal: AbortSignal,
  notes: string[],
): Promise<Map<string, SideDatabase>> {
  const found = new Map<string, SideDatabase>();
  for (const { unit, settings } of databases(config)) {
    try {
      const snapshot = await openDatabase(config, settings, signal);
      try {
        const facts = await snapshot.facts({ exactRows: settings.exact_counts_below_rows });
        const { digests } = settings.digests ? await snapshot.digests() : { digests: {} };
        found.set(unit, withDigests(facts, digests));
      } finally {
        await snapshot.close();
      }
    } catch (error) {
      signal.throwIfAborted();
      notes.push(`db/${unit}: ${asHoldfastError(error, "E_DATABASE").message}`);
    }
  }
  return found;
}

/** Collects the files of `infra` as a backup would, into the scratch directory. */
async function liveSettings(
  context: StepContext,
  steps: readonly Step[],
  notes: string[],
): Promise<Map<string, string>> {
  const infra = steps.find(({ name }) => name === "infra");
  if (infra === undefined) return new Map();
  const workers = new StepWorkers(context);
  try {
    const { artifacts, failures = [] } = await infra.build(context, null, { workers, onBytes: () => {} });
    notes.push(...failures.map(({ unit, message }) => `infra/${unit}: ${message}`));
    return new Map(artifacts.map(({ path: file, sha256 }) => [file, sha256]));
  } catch (error) {
    context.signal.throwIfAborted();
    notes.push(`infra: ${asHoldfastError(error).message}`);
    return new Map();
  } finally {
    await workers.close();
  }
}
