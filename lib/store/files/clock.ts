/** Times of a store against this host's clock. */

/** How far clocks may differ. */
const TOLERANCE_MS = 5 * 60_000;

/** Checks whether a time lies ahead of the clock by more than clocks differ: one of both was wrong. */
export const isFuture = (time: Date, now: Date): boolean => time.getTime() - now.getTime() > TOLERANCE_MS;
