/** Durations as restic writes them: `1y5m7d2h`. */
import * as z from "zod";

export interface Duration {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
  /** As it was written. */
  readonly text: string;
}

const FORM = /^(?:0|(?:\d{1,4}[ymdh])+)$/;

/** A duration of years, months, days and hours; `0` is none. */
export const durationSchema = z
  .union([z.string(), z.number()])
  .transform(String)
  .pipe(z.string().regex(FORM, "must be a duration of years, months, days and hours such as 1y5m7d2h"))
  .transform(parseDuration);

function parseDuration(text: string): Duration {
  const sum = (unit: string): number =>
    [...text.matchAll(new RegExp(`(\\d+)${unit}`, "g"))].reduce((total, [, digits]) => total + Number(digits), 0);
  return { years: sum("y"), months: sum("m"), days: sum("d"), hours: sum("h"), text };
}

/** Checks whether a duration has no length, which means unlimited where a limit is asked for. */
export const isZero = ({ years, months, days, hours }: Duration): boolean => years + months + days + hours === 0;

/** Returns the time that lies `times` durations before `time`, by the calendar, in UTC. */
export function timeBefore(time: Date, { years, months, days, hours }: Duration, times = 1): Date {
  const result = new Date(time);
  result.setUTCFullYear(
    time.getUTCFullYear() - years * times,
    time.getUTCMonth() - months * times,
    time.getUTCDate() - days * times,
  );
  result.setUTCHours(result.getUTCHours() - hours * times);
  return result;
}
