/** The worker threads of a step, which build its archives. */
import { pathToFileURL } from "node:url";
import type { BuildRequest, BuildResult } from "../../archive/build/request.ts";
import { WorkerPool } from "../../archive/pool.ts";
import { addCounters, emptyCounters, type Counters } from "../../archive/counters.ts";
import { HoldfastError } from "../../errors.ts";
import { resolveModule } from "../../exec/build-output.ts";
import type { Seal } from "../../model/seal.ts";
import type { StepContext } from "./context.ts";

/** The module that the threads run. */
const WORKER = "lib/steps/worker";

/** The fields of a request that the worker fills in itself. */
export type WorkerHooks = "cancelled" | "onBytes" | "captureSqlite" | "openOutput";

/** A task, as it is sent to a thread. `copies` takes those of live SQLite files. */
export interface WorkerTask<Kind extends string = string, Request = unknown> {
  readonly kind: Kind;
  readonly copies: string;
  readonly seal: Seal | undefined;
  readonly request: Request;
}

/** The result of a task, and the work that it took. */
export interface WorkerResult {
  readonly built: unknown;
  readonly work: Counters;
}

export type ArchiveTask = WorkerTask<"archive", Omit<BuildRequest, WorkerHooks>>;

/** Worker threads that start when the first unit has to be built: a run without a change starts none. */
export class StepWorkers {
  readonly #context: StepContext;
  /** The work of everything that was built. */
  readonly work: Counters = emptyCounters();
  #pool: WorkerPool<WorkerTask, WorkerResult> | undefined;

  constructor(context: StepContext) {
    this.#context = context;
  }

  /** Builds an archive; `onBytes` is called with the bytes of input read so far. */
  async archive(request: ArchiveTask["request"], onBytes: (bytes: number) => void): Promise<BuildResult> {
    return await this.run("archive", request, isArchive, onBytes);
  }

  /** Runs a task of any kind that the worker knows. Throws `E_INTERNAL` for a result that `isBuilt` refuses. */
  async run<Built>(
    kind: string,
    request: unknown,
    isBuilt: (built: unknown) => built is Built,
    onBytes: (bytes: number) => void,
  ): Promise<Built> {
    const { copies, seal, options, signal } = this.#context;
    this.#pool ??= new WorkerPool(pathToFileURL(resolveModule(WORKER)), options.workers, signal);
    let total = 0;
    const { built, work } = await this.#pool.run({ kind, copies, seal, request }, (bytes) => onBytes((total += bytes)));
    addCounters(this.work, work);
    if (!isBuilt(built)) throw new HoldfastError("E_INTERNAL", `the worker's result is not one of the task ${kind}`);
    return built;
  }

  async close(): Promise<void> {
    await this.#pool?.close();
  }
}

const isArchive = (built: unknown): built is BuildResult =>
  typeof built === "object" && built !== null && "entries" in built;
