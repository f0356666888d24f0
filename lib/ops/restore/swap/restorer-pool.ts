/** The servers of a restore, opened when an operation first needs one. */
import type { DatabaseTarget } from "../../../database/snapshot.ts";
import { openRestorer } from "../../../database/engines/open.ts";
import type { DatabaseRestorer } from "../../../database/restorer.ts";

/** Finds the database of a unit; `url` is the recorded one. */
export type FindTarget = (unit: string, url: string) => Promise<DatabaseTarget>;

export class RestorerPool {
  readonly #targetOf: FindTarget;
  readonly #signal: AbortSignal;
  readonly #open = new Map<string, DatabaseRestorer>();

  /** Takes a signal of its own, so that a rollback can still run after an abort. */
  constructor(targetOf: FindTarget, signal: AbortSignal) {
    this.#targetOf = targetOf;
    this.#signal = signal;
  }

  /** Returns the restorer of a database. Throws `E_DATABASE` if the server does not answer. */
  async find(unit: string, url: string): Promise<DatabaseRestorer> {
    const found = this.#open.get(unit);
    if (found !== undefined) return found;
    const restorer = await openRestorer(await this.#targetOf(unit, url), this.#signal);
    this.#open.set(unit, restorer);
    return restorer;
  }

  async close(): Promise<void> {
    for (const restorer of this.#open.values()) await restorer.close();
    this.#open.clear();
  }
}
