/** Restores a whole run into a sandbox and compares it: verify → unpack → load → compare → compile → smoke → clean. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import type { Artifact, UnitMetadata } from "../../model/unit.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { readManifestHead } from "../../store/run/manifest.ts";
import { pinRun } from "../../store/lock/pins.ts";
import { checkTrusted } from "../signing/require-run.ts";
import { replace } from "../restore/swap/replace-tree.ts";
import { isOnServer, itemsOf, type RestoreItems } from "../runs/unit-items.ts";
import { planRestore } from "../restore/plan/planner.ts";
import type { RestorePlan } from "../restore/plan/restore-plan.ts";
import { checkSpace } from "../restore/plan/space.ts";
import { stage } from "../restore/stage/run.ts";
import { openUnits, type PlainCopy } from "../sealed/plain-copy.ts";
import { plainPath } from "../../store/seal/names.ts";
import { selectUnits } from "../restore/plan/select-units.ts";
import { verifyArtifacts } from "../restore/stage/verify-artifacts.ts";
import { provedArtifacts, type ProvedArtifact } from "../checks/kept-evidence.ts";
import { count } from "../checks/check.ts";
import { changesOf, type Changes } from "./changed.ts";
import { compileSample, smokeTest } from "./application.ts";
import type { DrillSite } from "./environment.ts";
import { compareMigrations } from "../site/compare-migrations.ts";
import { treesCheck, unchangedCheck } from "./checks.ts";
import { wholeRun, type DrillOptions, type DrillPhase, type DrillRunRequest } from "./request.ts";
import { checkOf, notProved, type DrillCheck, type DrillCheckId } from "../checks/drill-check.ts";
import { checkSqliteFiles, DrillDatabases, noDatabase, placeOfCopy } from "./databases.ts";
import { writeEvidence, type DrillEvidence } from "./evidence.ts";
import { Sandbox } from "../scratch/sandbox.ts";
import { compareTrees, type RestoredTree } from "./trees.ts";

/** Errors of the drill itself, which are not faults of the run. */
const NOT_THE_RUN = new Set([
  "E_DATABASE",
  "E_NO_SPACE",
  "E_TARGET",
  "E_INTERNAL",
  "E_USAGE",
  "E_CONFIG",
  "E_INTERRUPTED",
  "E_KEY",
]);

/**
 * Drills one run and writes its evidence. A fault of the run is a failed check; only what prevents the drill itself is
 * thrown. Everything that the drill made is removed when it returns or throws.
 */
export async function drillRun(request: DrillRunRequest, options: DrillOptions): Promise<DrillEvidence> {
  const unpin = await pinRun(request.store, request.run, "drill");
  const started = new Date();
  try {
    const sandbox = await Sandbox.create(request.sandbox);
    const drill = new Drill(request, options, sandbox);
    try {
      await drill.work();
    } finally {
      await drill.clean();
    }
    const { store, run, evidence: directory, signing } = request;
    const { evidence, kept } = await writeEvidence(
      { store, run, directory, signing },
      started,
      drill.results(),
      options.signal,
    );
    for (const note of kept.notes) options.onNote(note);
    return evidence;
  } finally {
    unpin();
  }
}

/** The units that a drill restores: as they are stored, and as they are read. */
interface Prepared {
  readonly plan: RestorePlan;
  readonly units: readonly UnitMetadata[];
  readonly stored: readonly UnitMetadata[];
  readonly items: RestoreItems;
}

class Drill {
  readonly #request: DrillRunRequest;
  readonly #options: DrillOptions;
  readonly #sandbox: Sandbox;
  readonly #databases: DrillDatabases;
  /** The run that is read: a plain copy of a sealed one. */
  #directory: string;
  #opened: PlainCopy | undefined;
  readonly #phases: Partial<Record<DrillPhase, number>> = {};
  readonly #checks: DrillCheck[] = [];
  #trees: readonly RestoredTree[] = [];
  #artifacts: readonly ProvedArtifact[] = [];
  #changes: Changes | undefined;

  constructor(request: DrillRunRequest, options: DrillOptions, sandbox: Sandbox) {
    this.#request = request;
    this.#options = options;
    this.#sandbox = sandbox;
    this.#databases = new DrillDatabases(sandbox, request.database, options.signal);
    this.#directory = runDirectory(request.store, request.run);
  }

  results() {
    const { versions } = this.#databases;
    return {
      phases: this.#phases,
      checks: this.#checks,
      trees: this.#trees,
      artifacts: this.#artifacts,
      changes: this.#changes,
      servers: versions,
    };
  }

  async work(): Promise<void> {
    const prepared = await this.#phase("verify", "checksums", async () => await this.#verify());
    if (prepared === undefined) return;
    const { plan, units, stored, items } = prepared;
    const unpacked = await this.#phase("unpack", "unpack", async () => await this.#unpack(plan));
    if (unpacked === undefined) return;
    const served = items.databases.filter(isOnServer);
    await this.#phase("load", "load", async () => this.#say(await this.#databases.load(this.#directory, served)));
    await this.#phase("compare", "trees", async () => await this.#compare(plan, units, items));
    if (this.#checks.some(({ state }) => state === "failed")) {
      this.#say(notProved("compilation", "not tried, since what was restored is not what was recorded"));
      this.#say(notProved("application", "not tried, since what was restored is not what was recorded"));
      return;
    }
    const loaded = new Set(this.#databases.loaded.map(({ unit }) => unit));
    const unloaded = served.filter(({ unit }) => !loaded.has(unit)).map(({ artifact }) => artifact);
    const isLoaded = (artifact: Artifact): boolean => !unloaded.includes(plainPath(artifact));
    this.#artifacts = provedArtifacts(stored.map(({ artifacts }) => ({ artifacts: artifacts.filter(isLoaded) })));
    await this.#tryApplication(plan, units, items);
  }

  /** Removes databases, servers and files after success and failure alike. */
  async clean(): Promise<void> {
    this.#options.onPhase(this.#request.run, "clean");
    this.#opened?.remove();
    const from = performance.now();
    let left: Awaited<ReturnType<DrillDatabases["close"]>> = [];
    try {
      left = await this.#databases.close();
    } finally {
      await this.#sandbox.remove(left);
    }
    if (left.length > 0)
      throw new HoldfastError("E_DATABASE", `the scratch database ${left[0]?.name ?? ""} could not be dropped`, {
        hint: "drop it manually",
      });
    this.#phases.clean = Math.round(performance.now() - from);
  }

  async #verify(): Promise<Prepared | undefined> {
    const { signal } = this.#options;
    const { content, place, run, signing } = this.#request;
    await content?.documents(run);
    const signature = await checkTrusted(place, run, signing, signal);
    if (signature !== undefined) {
      const { figure, problems, notProved: why } = signature;
      this.#say(checkOf("signature", why ?? figure, problems, why === undefined ? "ok" : "not proved"));
      if (problems.length > 0) return undefined;
    }
    const head = readManifestHead(this.#directory);
    const { failed } = head.totals;
    this.#say(
      failed > 0
        ? notProved("run", `${count(failed, "unit")} failed at backup and cannot be restored from it`)
        : checkOf("run", `${head.kind}, ${head.status}, of ${head.started_at}`),
    );
    const request = wholeRun(this.#request, this.#sandbox.root);
    const all = selectUnits(this.#directory, request);
    if (this.#request.changed)
      this.#changes = await changesOf(this.#request.store, all, new Date(), { signing, signal });
    const due = this.#changes?.due ?? all;
    await this.#request.content?.bring(this.#request.run, due);
    this.#opened = await openUnits(this.#directory, due, this.#request, signal);
    this.#directory = this.#opened.directory;
    const { units } = this.#opened;
    if (this.#changes !== undefined) this.#say(unchangedCheck(this.#changes));
    const items = itemsOf(this.#directory, units);
    const loaded = new Set(items.databases.filter(isOnServer).map(({ unit }) => unit));
    const plan = planRestore(this.#directory, request, { id: this.#sandbox.id, items, units, loaded });
    await verifyArtifacts(this.#directory, units, plan, signal);
    this.#say(checkOf("checksums", `${count(units.length, "unit")} as recorded`));
    return { plan, units, stored: due, items };
  }

  async #unpack(plan: RestorePlan): Promise<true> {
    checkSpace(plan);
    const { signal, onBytes } = this.#options;
    const unset: string[] = [];
    await stage(plan, {
      signal,
      workers: this.#request.workers,
      onBytes: (done) => onBytes?.(done, plan.bytes),
      warn: (text) => unset.push(text),
    });
    for (const operation of plan.operations) await replace(operation);
    mkdirSync(this.#sandbox.root, { recursive: true }); // for a run that holds no file
    const figure = `${count(plan.unpacks.length, "archive")}, ${count(plan.copies.length, "file")} copied`;
    const problems = unset.map((message) => ({ path: path.basename(this.#directory), message }));
    const isRoot = process.getuid?.() === 0;
    this.#say(checkOf("unpack", figure, isRoot ? problems : [], problems.length > 0 ? "not proved" : "ok"));
    return true;
  }

  async #compare(plan: RestorePlan, units: readonly UnitMetadata[], items: RestoreItems): Promise<void> {
    const { signal } = this.#options;
    this.#trees = await compareTrees(plan, units, signal);
    this.#say(treesCheck(this.#trees));
    const sqlite = items.databases.filter((item) => !isOnServer(item));
    for (const check of await checkSqliteFiles(plan, sqlite, items.files, signal)) this.#say(check);
    for (const check of await this.#databases.compare()) this.#say(check);
    if (items.databases.length === 0) this.#say(noDatabase());
    this.#say(await compareMigrations(this.#request.config, items.databases, signal));
  }

  async #tryApplication(plan: RestorePlan, units: readonly UnitMetadata[], items: RestoreItems): Promise<void> {
    const { config, run, projects: size } = this.#request;
    const { signal } = this.#options;
    const [file] = items.databases.filter((item) => !isOnServer(item));
    const [served] = this.#databases.loaded;
    const database =
      served ??
      (file === undefined
        ? undefined
        : { unit: file.unit, url: `sqlite://${placeOfCopy(plan, file.artifact)}`, password: undefined });
    const site: DrillSite = { root: this.#sandbox.root, database };
    const projects = units.filter(({ step }) => step === "source_exports").flatMap(({ project }) => project ?? []);
    await this.#phase("compile", "compilation", async () =>
      this.#say(await compileSample(config, site, { run, projects, size }, signal)),
    );
    await this.#phase("smoke", "application", async () => this.#say(await smokeTest(config, site, signal)));
  }

  /** Times a phase. An error about the run becomes a failed check, and undefined is returned. */
  async #phase<T>(phase: DrillPhase, id: DrillCheckId, work: () => Promise<T>): Promise<T | undefined> {
    const { signal, onPhase } = this.#options;
    signal.throwIfAborted();
    onPhase(this.#request.run, phase);
    const from = performance.now();
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const failure = asHoldfastError(error);
      if (NOT_THE_RUN.has(failure.code)) throw failure;
      this.#say(checkOf(id, "failed", [{ path: path.basename(this.#directory), message: failure.message }]));
      return undefined;
    } finally {
      this.#phases[phase] = Math.round(performance.now() - from);
    }
  }

  #say(check: DrillCheck | undefined): void {
    if (check === undefined) return;
    this.#checks.push(check);
    this.#options.onCheck(this.#request.run, check);
  }
}
