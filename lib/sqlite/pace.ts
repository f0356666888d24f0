/** The pace of an online backup. https://www.sqlite.org/backup.html */

/** Pages copied before writers get their turn. */
export const PAGES_PER_STEP = 2000;
/** Restarts by writers after which the rest is copied at once. */
const MAX_RESTARTS = 3;

/** Counts how often a backup begins again: writers on another connection make it. */
export class BackupPace {
  #previous = Infinity;
  #restarts = 0;

  /** Takes the pages left after a step. Returns true when the rest should be copied in one step. */
  isHopeless(remainingPages: number): boolean {
    if (remainingPages > this.#previous) this.#restarts++;
    this.#previous = remainingPages;
    return this.#restarts > MAX_RESTARTS;
  }
}
