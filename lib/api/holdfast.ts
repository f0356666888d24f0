/**
 * The library: commands as methods. The work of a method is loaded at its first call, so that an import has no
 * side effect and costs nothing.
 */
import type { LogLine } from "../model/event.ts";
import type { AnomalyListing } from "../ops/anomalies/review/list.ts";
import type { ReinitDrill } from "../ops/drill/reinit.ts";
import type { EndOutcome } from "../ops/restore/end.ts";
import type { RestoreOutcome } from "../ops/restore/run.ts";
import type { FindOutcome, FoundFile } from "../ops/find/run.ts";
import type { AcceptOptions, AcceptSummary, AnomaliesOptions } from "./anomalies.ts";
import type { BackupOptions, BackupSummary } from "./backup.ts";
import { call, warningsTo, type CallOptions } from "./call.ts";
import type { DiffOptions, DiffSummary } from "./diff.ts";
import type { DrillHooks, DrillOptions, DrillSummary, SandboxOptions } from "./drill.ts";
import type { HealthHooks, HealthOptions, HealthSummary, WatchSummary } from "./health.ts";
import type { PruneOptions, PruneSummary, PruneTargetOptions, PruneTargetSummary } from "./prune.ts";
import type {
  ProbeSummary,
  PullHooks,
  PullOptions,
  PullSummary,
  PushHooks,
  PushOptions,
  PushSummary,
  TargetOptions,
  TargetVerificationSummary,
  VerifyTargetHooks,
  VerifyTargetOptions,
} from "./push.ts";
import type { RecoveryKitOptions, RecoveryKitSummary } from "./restore.ts";
import type { RecoverReinitSummary, ReinitHooks, ReinitOptions, ReinitSummary } from "./reinit.ts";
import type { EndRestoreOptions, RestoreHooks, RestoreOptions } from "./restore.ts";
import type {
  DeleteOptions,
  DeleteSummary,
  FindOptions,
  ListOptions,
  ListSummary,
  LogOptions,
  PathsSummary,
  PinOptions,
  PinSummary,
  RunOptions,
  UnitsSummary,
} from "./runs.ts";
import { Site, type HoldfastOptions } from "./site.ts";
import type { VerifyHooks, VerifyOptions, VerifySummary } from "./verify.ts";

/** The commands of one site. Each method returns what the command's `--json` prints as its summary. */
export class Holdfast {
  readonly #site: Site;

  /** The anomalies of runs. */
  readonly anomalies = {
    /** Lists how runs differ from the history of the site. */
    list: async (options: AnomaliesOptions = {}, on: CallOptions = {}): Promise<AnomalyListing> => {
      const { anomaliesIn } = await import("./anomalies.ts");
      return await call(on, async () => await anomaliesIn(this.#site.store, options));
    },
    /** Accepts anomalies of a run, which counts as good without an open alarm. */
    accept: async (options: AcceptOptions, on: CallOptions = {}): Promise<AcceptSummary> => {
      const { acceptIn } = await import("./anomalies.ts");
      return await call(on, async (frame) => await acceptIn(this.#site.siteStore, options, frame));
    },
  };

  /** The targets of the config. */
  readonly targets = {
    /** Finds out what a target allows and enforces, and records it. */
    probe: async (options: TargetOptions, on: CallOptions = {}): Promise<ProbeSummary> => {
      const { probeTarget } = await import("./push.ts");
      return await call(on, async (frame) => {
        return await probeTarget(this.#site.configured, options, { ...frame, onWarning: warningsTo(frame) });
      });
    },
    /** Compares runs on a target with what was recorded; `ok` is false if one differs. */
    verify: async (
      options: VerifyTargetOptions,
      on: CallOptions & VerifyTargetHooks = {},
    ): Promise<TargetVerificationSummary> => {
      const { verifyOnTarget } = await import("./push.ts");
      return await call(on, async (frame) => {
        return await verifyOnTarget(this.#site.configured, options, { ...on, ...frame, onWarning: warningsTo(frame) });
      });
    },
    /** Removes the runs of a target that its retention does not keep; by default it only tells which. */
    prune: async (options: PruneTargetOptions, on: CallOptions = {}): Promise<PruneTargetSummary> => {
      const { parsePolicy, pruneOnTarget, pruneTargetSummary } = await import("./prune.ts");
      return await call(on, async (frame) => {
        const { policy = {}, ...more } = options;
        const hooks = { signal: frame.signal, onWarning: warningsTo(frame) };
        const rules = parsePolicy(policy);
        return pruneTargetSummary(await pruneOnTarget(this.#site.configured, { ...more, rules }, hooks));
      });
    },
  };

  constructor(options: HoldfastOptions) {
    this.#site = new Site(options);
  }

  /** Backs up the site; `status` is `partial` if units failed. */
  async backup(options: BackupOptions = {}, on: CallOptions = {}): Promise<BackupSummary> {
    const { backupSite, backupSummary } = await import("./backup.ts");
    return await call(on, async (frame) => {
      const place = { file: this.#site.file, dest: this.#site.givenStore };
      return backupSummary(await backupSite(place, options, frame));
    });
  }

  /** Verifies a run; `ok` is false if a check failed. */
  async verify(options: VerifyOptions = {}, on: CallOptions & VerifyHooks = {}): Promise<VerifySummary> {
    const { verifyRun, verifySummary } = await import("./verify.ts");
    return await call(on, async (frame) => {
      const hooks = { ...on, signal: frame.signal, onWarning: warningsTo(frame) };
      return verifySummary(await verifyRun(this.#site.siteStore, options, hooks));
    });
  }

  /** Restores a run into a directory or in place. In place needs `confirm`. */
  async restore(options: RestoreOptions, on: CallOptions & RestoreHooks = {}): Promise<RestoreOutcome> {
    const { restoreRun } = await import("./restore.ts");
    return await call(on, async (frame) => {
      const { store, config } = this.#site.siteStore;
      const site = {
        store,
        config: () => this.#site.config,
        known: () => this.#site.knownConfig,
        signing: config?.signing,
      };
      return await restoreRun(site, options, { ...on, ...frame });
    });
  }

  /** Confirms, rolls back or recovers a restore. */
  async endRestore(options: EndRestoreOptions, on: CallOptions = {}): Promise<EndOutcome> {
    const { endRestoreOf } = await import("./restore.ts");
    return await call(on, async (frame) => await endRestoreOf(this.#site.siteStore, options, frame));
  }

  /** Restores runs into a sandbox and compares them; `ok` is false if one cannot be restored. */
  async drill(options: DrillOptions = {}, on: CallOptions & DrillHooks = {}): Promise<DrillSummary> {
    const { drillRuns, drillSummary } = await import("./drill.ts");
    return await call(on, async (frame) => {
      const hooks = { ...on, signal: frame.signal, onWarning: warningsTo(frame) };
      return drillSummary(await drillRuns(this.#site.siteStore, options, hooks));
    });
  }

  /** Tests a reinit on a copy of the database; `ok` is false if an import would not restore everything. */
  async drillReinit(options: SandboxOptions = {}, on: CallOptions & ReinitPhases = {}): Promise<ReinitDrill> {
    const { drillReinitOf } = await import("./drill.ts");
    return await call(on, async ({ signal }) => {
      const onPhase = on.onPhase ?? (() => {});
      return await drillReinitOf(this.#site.config, options, { signal, onPhase });
    });
  }

  /** Removes the runs that the retention policy does not keep. */
  async prune(options: PruneOptions = {}, on: CallOptions = {}): Promise<PruneSummary> {
    const { parsePolicy, pruneStore, pruneSummary } = await import("./prune.ts");
    return await call(on, async (frame) => {
      const { policy = {}, ...more } = options;
      const rules = parsePolicy(policy);
      return pruneSummary(await pruneStore(this.#site.siteStore, { ...more, rules }, frame), options);
    });
  }

  /** Copies runs to a target off-site, and sends nothing twice. */
  async push(options: PushOptions, on: CallOptions & PushHooks = {}): Promise<PushSummary> {
    const { pushRuns } = await import("./push.ts");
    return await call(on, async (frame) => {
      return await pushRuns(this.#site.configured, options, { ...on, ...frame, onWarning: warningsTo(frame) });
    });
  }

  /** Copies the runs of another host's store into this one, its copy; `ok` is false if one did not arrive intact. */
  async pull(options: PullOptions, on: CallOptions & PullHooks = {}): Promise<PullSummary> {
    const { pullRuns } = await import("./push.ts");
    return await call(on, async (frame) => await pullRuns(this.#site.siteStore, options, { ...on, ...frame }));
  }

  /** Compares two runs, or a run with the site as it is now. */
  async diff(options: DiffOptions, on: CallOptions = {}): Promise<DiffSummary> {
    const { diffRuns } = await import("./diff.ts");
    return await call(on, async (frame) => {
      const site = { store: this.#site.store, config: () => this.#site.config };
      return await diffRuns(site, options, frame);
    });
  }

  /** Finds files in the runs of the store; `onFound` is called with each. */
  async find(
    options: FindOptions,
    on: CallOptions & { readonly onFound: (found: FoundFile) => void },
  ): Promise<FindOutcome> {
    const { findIn } = await import("./runs.ts");
    return await call(on, async ({ signal }) => {
      return await findIn(this.#site.siteStore, options, { signal, onFound: on.onFound });
    });
  }

  /** Lists the runs of the store, the newest first. */
  async list(options: ListOptions = {}, on: CallOptions = {}): Promise<ListSummary> {
    const { listRuns } = await import("./runs.ts");
    return await call(on, async () => await listRuns(this.#site.store, options));
  }

  /** Lists the units of a run. */
  async units(options: RunOptions, on: CallOptions = {}): Promise<UnitsSummary> {
    const { unitsOf } = await import("./runs.ts");
    return await call(on, async () => await unitsOf(this.#site.store, options));
  }

  /** Lists the site's paths in a run, each with its unit. */
  async paths(options: RunOptions, on: CallOptions = {}): Promise<PathsSummary> {
    const { pathsOf } = await import("./runs.ts");
    return await call(on, async () => await pathsOf(this.#site.store, options));
  }

  /** Deletes a run, unless something still needs it. */
  async delete(options: DeleteOptions, on: CallOptions = {}): Promise<DeleteSummary> {
    const { deleteOne } = await import("./runs.ts");
    return await call(on, async (frame) => await deleteOne(this.#site.siteStore, options, frame));
  }

  /** Pins a run: neither `prune` nor `delete` removes it. */
  async pin(options: PinOptions, on: CallOptions = {}): Promise<PinSummary> {
    const { pinRun } = await import("./runs.ts");
    return await call(on, async (frame) => await pinRun(this.#site.siteStore, options, frame));
  }

  /** Releases a run that was pinned. */
  async unpin(options: RunOptions, on: CallOptions = {}): Promise<{ readonly run: string }> {
    const { unpinRun } = await import("./runs.ts");
    return await call(on, async () => await unpinRun(this.#site.store, options));
  }

  /** Reads the log of a run; `onLine` is called with each line. */
  async logs(
    options: LogOptions,
    on: CallOptions & { readonly onLine: (line: LogLine) => void },
  ): Promise<{ readonly lines: number }> {
    const { logOf } = await import("./runs.ts");
    return await call(on, async ({ signal }) => {
      let lines = 0;
      for await (const { line } of logOf(this.#site.store, options)) {
        signal.throwIfAborted();
        on.onLine(line);
        lines++;
      }
      return { lines };
    });
  }

  /** Checks whether the site works and is backed up; `ok` is false if a check failed. */
  async health(options: HealthOptions = {}, on: CallOptions & HealthHooks = {}): Promise<HealthSummary> {
    const { healthOf } = await import("./health.ts");
    return await call(on, async ({ signal }) => {
      const site = { config: this.#site.config, store: this.#site.givenStore };
      return await healthOf(site, options, { signal, onCheck: on.onCheck });
    });
  }

  /** Finds missing runs, commands that hang and old proofs, and sends alerts of them. */
  async watch(_options: NoOptions = {}, on: CallOptions = {}): Promise<WatchSummary> {
    const { watchSite } = await import("./health.ts");
    return await call(on, async (frame) => {
      return await watchSite({ config: this.#site.config, store: this.#site.store }, frame);
    });
  }

  /** Writes a directory that brings the site back without Holdfast. */
  async recoveryKit(options: RecoveryKitOptions, on: CallOptions = {}): Promise<RecoveryKitSummary> {
    const { makeRecoveryKit } = await import("./restore.ts");
    return await call(on, async (frame) => {
      const site = { config: this.#site.config, store: this.#site.store };
      return await makeRecoveryKit(site, options, frame);
    });
  }

  /** Clears what users created, after a safety backup. Needs `confirm`. */
  async reinit(options: ReinitOptions = {}, on: CallOptions & ReinitHooks = {}): Promise<ReinitSummary> {
    const { reinitSite, reinitSummary } = await import("./reinit.ts");
    return await call(on, async (frame) => {
      const site = { config: this.#site.config, store: this.#site.store };
      return reinitSummary(await reinitSite(site, options, { ...on, ...frame }));
    });
  }

  /** Finishes an interrupted reinit, or rolls it back. */
  async recoverReinit(_options: NoOptions = {}, on: CallOptions = {}): Promise<RecoverReinitSummary> {
    const { recoverReinitOf } = await import("./reinit.ts");
    return await call(on, async (frame) => {
      return await recoverReinitOf({ config: this.#site.config, store: this.#site.store }, frame);
    });
  }
}

/** A method without options of its own takes an empty object. */
type NoOptions = Readonly<Record<string, never>>;

type ReinitPhases = Pick<ReinitHooks, "onPhase">;

/** Returns the commands of a site. Throws `E_USAGE` for options that name neither a config nor a store. */
export const createHoldfast = (options: HoldfastOptions): Holdfast => new Holdfast(options);
