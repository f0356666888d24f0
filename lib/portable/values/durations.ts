/** Converts durations between PostgreSQL's intervals and the microseconds that Django stores elsewhere. */

const INTERVAL = /^(?:(-?\d+) days? ?)?(?:([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?$/;
const SECOND = 1_000_000n;
const DAY = 86_400n * SECOND;

/**
 * Returns the length of an interval as PostgreSQL prints it; undefined for months or years, which have no fixed length.
 */
export function microsecondsOf(interval: string): bigint | undefined {
  const [all = "", days = "0", sign = "", hours = "0", minutes = "0", seconds = "0", fraction = ""] =
    INTERVAL.exec(interval) ?? [];
  if (all === "") return undefined;
  const time =
    (BigInt(hours) * 3600n + BigInt(minutes) * 60n + BigInt(seconds)) * SECOND + BigInt(fraction.padEnd(6, "0"));
  return BigInt(days) * DAY + (sign === "-" ? -time : time);
}

/** Returns the interval as PostgreSQL and Django write it: whole days, possibly negative, and the remaining time. */
export function intervalOf(microseconds: bigint): string {
  const time = ((microseconds % DAY) + DAY) % DAY;
  const days = (microseconds - time) / DAY;
  const two = (value: bigint): string => String(value).padStart(2, "0");
  const fraction = String(time % SECOND)
    .padStart(6, "0")
    .replace(/0+$/, "");
  const hours = `${two(time / (3600n * SECOND))}:${two((time / (60n * SECOND)) % 60n)}`;
  const clock = `${hours}:${two((time / SECOND) % 60n)}${fraction === "" ? "" : `.${fraction}`}`;
  if (days === 0n) return clock;
  const whole = `${days} day${days === 1n ? "" : "s"}`;
  return time === 0n ? whole : `${whole} ${days < 0n ? "+" : ""}${clock}`;
}
