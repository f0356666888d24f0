/**
 * Worker threads, one task each at a time. Work in them may be synchronous: cancelling goes through shared memory,
 * which a busy thread can look at, and a thread that does not look is ended after a while.
 */
import { availableParallelism } from "node:os";
import { isMainThread, parentPort, Worker, workerData, type WorkerOptions } from "node:worker_threads";
import { asHoldfastError, ERRORS, HoldfastError, type ErrorCode } from "../errors.ts";

/** The time that a cancelled task may take to end. */
const GRACE_MS = 5000;
/** The interval at which a worker reports its progress. */
const PROGRESS_MS = 100;

/**
 * Megabytes. V8 collects late when it may grow far: without limits, two workers that archive 40,000 files took 250 MB
 * at their peak, with 4 MB for what is young 132, for a tenth more CPU; with 2, a verification of 6 GB takes 15 MB less
 * again. The old generation still has room for the names of millions of entries.
 */
const LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 1024 };

/** The number of threads with which a process stays under 200 MB. */
const MOST_BY_ITSELF = 3;

/** Returns the default number of threads. */
export const defaultThreads = (): number => Math.min(availableParallelism(), MOST_BY_ITSELF);

interface Task<Req, Res> {
  readonly request: Req;
  readonly onProgress: ((bytes: number) => void) | undefined;
  readonly resolve: (result: Res) => void;
  readonly reject: (error: Error) => void;
}

/** The messages of a worker. The type of a result is not checked: both sides are compiled together. */
type Message<Res> =
  | { readonly kind: "progress"; readonly bytes: number }
  | { readonly kind: "done"; readonly result: Res }
  | {
      readonly kind: "failed";
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string;
      readonly stack: string;
    };

interface Slot<Req, Res> {
  readonly worker: Worker;
  task: Task<Req, Res> | null;
}

/**
 * Runs tasks by at most `size` workers, started when they are needed. When the signal aborts, waiting tasks end at once
 * and running ones when they see it, all with `E_INTERRUPTED`. A worker that dies fails its task only; another takes
 * its place.
 */
export class WorkerPool<Req, Res> {
  readonly #url: URL;
  readonly #size: number;
  readonly #signal: AbortSignal;
  readonly #cancel = new Int32Array(new SharedArrayBuffer(4));
  readonly #seats = new Set<Slot<Req, Res>>();
  readonly #waiting: Task<Req, Res>[] = [];
  #closed = false;
  #force: NodeJS.Timeout | undefined;

  constructor(workerUrl: URL, size: number, signal: AbortSignal) {
    this.#url = workerUrl;
    this.#size = size;
    this.#signal = signal;
    signal.addEventListener("abort", this.#abort, { once: true });
  }

  /** Rejects with the HoldfastError that the worker's handler threw, or `E_INTERNAL` when the worker died. */
  async run(request: Req, onProgress?: (bytes: number) => void): Promise<Res> {
    if (this.#closed) throw new HoldfastError("E_INTERNAL", "the worker pool is closed");
    if (this.#signal.aborted) throw interrupted();
    return await new Promise<Res>((resolve, reject) => {
      this.#waiting.push({ request, onProgress, resolve, reject });
      this.#assign();
    });
  }

  /** Starts all workers, since tasks will come soon. */
  start(): void {
    while (!this.#closed && this.#hire() !== null);
  }

  /** Ends all workers. Tasks that have not ended are interrupted. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#abort();
    clearTimeout(this.#force);
    this.#signal.removeEventListener("abort", this.#abort);
    await Promise.all(Array.from(this.#seats, (seat) => this.#dismiss(seat)));
  }

  readonly #abort = (): void => {
    Atomics.store(this.#cancel, 0, 1);
    for (const task of this.#waiting.splice(0)) task.reject(interrupted());
    this.#force = setTimeout(() => {
      for (const seat of this.#seats) if (seat.task !== null) void this.#dismiss(seat);
    }, GRACE_MS);
    this.#force.unref();
  };

  #assign(): void {
    while (this.#waiting.length > 0) {
      const seat = Array.from(this.#seats).find((one) => one.task === null) ?? this.#hire();
      const task = seat === null ? undefined : this.#waiting.shift();
      if (seat === null || task === undefined) return;
      seat.task = task;
      seat.worker.ref();
      seat.worker.postMessage(task.request);
    }
  }

  #hire(): Slot<Req, Res> | null {
    if (this.#seats.size >= this.#size) return null;
    const worker = startThread(this.#url, {
      workerData: { holdfastCancel: this.#cancel.buffer },
      resourceLimits: LIMITS,
    });
    const seat: Slot<Req, Res> = { worker, task: null };
    this.#seats.add(seat);
    worker.on("message", (message: Message<Res>) => this.#hear(seat, message));
    worker.once("error", (error) => this.#lose(seat, error));
    worker.once("messageerror", (error) => this.#lose(seat, error));
    worker.once("exit", () => this.#lose(seat));
    return seat;
  }

  #hear(seat: Slot<Req, Res>, message: Message<Res>): void {
    const { task } = seat;
    if (task === null) return;
    if (message.kind === "progress") {
      task.onProgress?.(message.bytes);
      return;
    }
    seat.task = null;
    seat.worker.unref();
    if (message.kind === "done") task.resolve(message.result);
    else task.reject(thrownInWorker(message));
    this.#assign();
  }

  /** The worker is gone, or about to be. */
  #lose(seat: Slot<Req, Res>, error?: unknown): void {
    if (!this.#seats.delete(seat)) return;
    void seat.worker.terminate();
    const why = error instanceof Error ? `: ${error.message}` : "";
    const died = new HoldfastError("E_INTERNAL", `a worker thread died${why}`, { cause: error });
    seat.task?.reject(this.#isCancelled() ? interrupted() : died);
    if (!this.#closed) this.#assign();
  }

  async #dismiss(seat: Slot<Req, Res>): Promise<void> {
    this.#lose(seat);
    await seat.worker.terminate();
  }

  #isCancelled(): boolean {
    return Atomics.load(this.#cancel, 0) === 1;
  }
}

/** The context of a task in the worker's handler. */
export interface TaskContext {
  /** True when the task should end with `E_INTERRUPTED`. Cheap. */
  readonly cancelled: () => boolean;
  /** Counts bytes, which are reported in batches. */
  readonly onBytes: (bytes: number) => void;
}

/** The worker's side: call it once, at the top of the file that the pool is given. */
export function serveTasks<Req, Res>(handler: (request: Req, context: TaskContext) => Promise<Res>): void {
  const port = parentPort;
  if (isMainThread || port === null) throw new HoldfastError("E_INTERNAL", "serveTasks belongs into a worker thread");
  const cancel = new Int32Array(cancelMemory(workerData));
  const send = (message: Message<Res>): void => port.postMessage(message);
  port.on("message", (request: Req) => {
    let bytes = 0;
    let told = performance.now();
    const tell = (): void => {
      if (bytes > 0) send({ kind: "progress", bytes });
      bytes = 0;
      told = performance.now();
    };
    const context: TaskContext = {
      cancelled: () => Atomics.load(cancel, 0) === 1,
      onBytes: (count) => {
        bytes += count;
        if (performance.now() - told >= PROGRESS_MS) tell();
      },
    };
    handler(request, context).then(
      (result) => {
        tell();
        send({ kind: "done", result });
      },
      (thrown: unknown) => {
        const { code, message, hint, stack = "" } = asHoldfastError(thrown);
        send({ kind: "failed", code, message, hint, stack });
      },
    );
  });
}

function cancelMemory(data: unknown): SharedArrayBuffer {
  const memory =
    typeof data === "object" && data !== null && "holdfastCancel" in data ? data.holdfastCancel : undefined;
  if (memory instanceof SharedArrayBuffer) return memory;
  throw new HoldfastError("E_INTERNAL", "this worker thread was not started by a pool");
}

function thrownInWorker(message: { code: ErrorCode; message: string; hint: string; stack: string }): HoldfastError {
  const cause = new Error(`in a worker thread: ${message.message}`);
  cause.stack = message.stack;
  return new HoldfastError(message.code in ERRORS ? message.code : "E_INTERNAL", message.message, {
    hint: message.hint,
    cause,
  });
}

function interrupted(): HoldfastError {
  return new HoldfastError("E_INTERRUPTED", "interrupted");
}

/**
 * A thread that runs the file. TypeScript needs tsx, which does not reach into threads by itself on Node 20: a line of
 * JavaScript registers it there first.
 */
function startThread(url: URL, options: WorkerOptions): Worker {
  if (!url.pathname.endsWith(".ts")) return new Worker(url, options);
  const tsx = JSON.stringify(import.meta.resolve("tsx/esm/api"));
  const source = `import(${tsx}).then((tsx) => { tsx.register(); return import(${JSON.stringify(url.href)}); })`;
  return new Worker(source, { ...options, eval: true, execArgv: [] });
}
