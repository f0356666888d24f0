/**
 * The rules for one series of numbers: rows of a table, bytes, units, files. Pure; docs/anomalies.md has the rules and
 * test/unit/ops/anomalies/rates.test.ts their error rates.
 */
import type { Finding } from "./finding.ts";

/** Limits of one series, as natural logarithms of a ratio. */
export interface SeriesLimits {
  readonly shrink: number;
  readonly grow: number;
}

export const DEFAULT_LIMITS: SeriesLimits = { shrink: 0.288, grow: 1.1 };

/** Values of a series that are compared with. */
export const WINDOW = 35;
/** A series with a smaller median is judged by `empty` alone. */
const SMALL = 50;
/** Runs before a series is known well enough for the other rules. */
const WARM = 5;
/** Runs that all have to have had something for the rule `empty`. */
const EMPTY_RUNS = 7;
/** Steps without a loss of more than two per cent for the rule `never`. */
const NEVER_STEPS = 14;
const [NEVER_STEP, NEVER_NOW] = [Math.log(0.98), Math.log(0.9)];
/** Distance to all values of the window. */
const BEYOND = 0.1;

/** Judges a value by the values of the good runs before it, oldest first. */
export function judgeSeries(now: number, window: readonly number[], limits = DEFAULT_LIMITS): Finding | undefined {
  const was = window.at(-1);
  if (was === undefined) return undefined;
  const found = (level: Finding["level"], code: Finding["code"], rule: string): Finding => ({
    level,
    code,
    was,
    now,
    rule,
  });
  const lately = window.slice(-EMPTY_RUNS);
  if (now === 0 && was >= SMALL && lately.length === EMPTY_RUNS && lately.every((value) => value > 0))
    return found("alarm", "empty", `nothing is left; the last ${EMPTY_RUNS} good runs all had some`);
  if (median(window) < SMALL) return undefined;
  if (window.length < WARM) {
    const isFar = now < was / 10 || now > was * 20;
    return isFar ? found("alarm", "cold", "less than a tenth or more than 20 times of the last good run") : undefined;
  }
  const logs = window.map(ln);
  const steps = logs.slice(1).map((value, index) => value - (logs[index] ?? value));
  const noise = 6 * scaledMad(steps);
  const step = ln(now) - ln(was);
  const shrink = Math.max(limits.shrink, noise);
  if (step < -shrink && ln(now) < Math.min(...logs) - BEYOND)
    return found("alarm", "shrank", `fell by more than ${percent(1 - Math.exp(-shrink))}, below ${of(window)}`);
  const grow = Math.max(limits.grow, noise);
  if (step > grow && ln(now) > Math.max(...logs) + BEYOND)
    return found("notice", "grew", `grew by more than ${Math.exp(grow).toFixed(1)} times, above ${of(window)}`);
  if (steps.length >= NEVER_STEPS && steps.every((one) => one >= NEVER_STEP) && step < NEVER_NOW)
    return found("notice", "never", `fell by more than 10 %; it never fell in ${of(window)}`);
  return undefined;
}

/** The natural logarithm; nothing counts as one, so that every value has one. */
const ln = (value: number): number => Math.log(Math.max(1, value));

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[sorted.length % 2 === 1 ? middle : middle - 1] ?? 0, sorted[middle] ?? 0];
  return (low + high) / 2;
}

/** Returns the median absolute deviation, scaled to the standard deviation of a normal distribution. */
export function scaledMad(values: readonly number[]): number {
  const center = median(values);
  return 1.4826 * median(values.map((value) => Math.abs(value - center)));
}

const percent = (part: number): string => `${Math.round(part * 100)} %`;

const of = (window: readonly number[]): string => `all of the last ${window.length} good runs`;
