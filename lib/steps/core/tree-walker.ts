/** Walks trees for planning, in worker threads: by all processors, while this thread takes units over. */
import { pathToFileURL } from "node:url";
import { WorkerPool } from "../../archive/pool.ts";
import { HoldfastError } from "../../errors.ts";
import { resolveModule } from "../../exec/build-output.ts";

/** The module that the threads run. */
const WORKER = "lib/steps/walk-worker";

/** A kind of walk. Request and result are plain data. */
export interface Walk<Request, Result> {
  readonly kind: string;
  walk(request: Request): Result;
  /** Checks the result of a thread. */
  isResult(value: unknown): value is Result;
}

/** A walk, as it is sent to a thread. */
export interface WalkTask {
  readonly kind: string;
  readonly request: unknown;
}

export class TreeWalker {
  readonly #threads: number;
  readonly #signal: AbortSignal;
  #pool: WorkerPool<WalkTask, unknown> | undefined;

  /** Without threads it walks in this one: a small site is walked in less time than they take to start. */
  constructor(threads: number, signal: AbortSignal) {
    this.#threads = threads;
    this.#signal = signal;
  }

  /** Walks as `kind` says. Throws `E_INTERNAL` if a thread returns what is not its result. */
  async walk<Request, Result>(kind: Walk<Request, Result>, request: Request): Promise<Result> {
    this.#signal.throwIfAborted();
    if (this.#threads === 0) return kind.walk(request);
    const result = await this.#running.run({ kind: kind.kind, request });
    if (!kind.isResult(result)) throw new HoldfastError("E_INTERNAL", `the walk ${kind.kind} returned something else`);
    return result;
  }

  /** Starts the threads, since there will soon be trees to walk. */
  warmUp(): void {
    if (this.#threads > 0) this.#running.start();
  }

  /**
   * Plans every item, as many at a time as keep the threads busy, and calls `take` with each result in the order of the
   * items.
   */
  async each<Item, Result>(
    items: Iterable<Item>,
    plan: (item: Item) => Promise<Result>,
    take: (result: Result) => Promise<void>,
  ): Promise<void> {
    const ahead: Promise<Result>[] = [];
    const next = async (most: number): Promise<void> => {
      while (ahead.length > most) {
        const first = ahead.shift();
        if (first !== undefined) await take(await first);
      }
    };
    for (const item of items) {
      const planned = plan(item);
      planned.catch(() => {}); // it is awaited in its turn
      ahead.push(planned);
      await next(2 * this.#threads);
    }
    await next(0);
  }

  get #running(): WorkerPool<WalkTask, unknown> {
    return (this.#pool ??= new WorkerPool(pathToFileURL(resolveModule(WORKER)), this.#threads, this.#signal));
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    await this.#pool?.close();
  }
}
