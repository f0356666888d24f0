/** Converts dates, times and durations from the notation of Django's serializers to that of an export. */
import { HoldfastError } from "../../../errors.ts";

const MOMENT =
  /^(\d{4,6}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?)?$/i;
const TIME = /^(\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?$/;
/** `1 02:03:04.5`, `-1 days, 23:00:00`. */
const DURATION = /^(?:(-?\d+)(?: days?,?)? )?(-?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/;
const ISO_DURATION = /^(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,6}))?S)?)?$/;

/**
 * Returns a time in UTC, `2024-02-29 23:59:59.123000`, or the date alone. Throws `E_IMPORT`, worded to follow a
 * column's name.
 */
export function momentText(value: string, onlyDate: boolean): string {
  const [, date, minutes, seconds = "00", digits, zone] = MOMENT.exec(value) ?? [];
  if (date === undefined || !isInCalendar(date) || !isOnClock(minutes, seconds))
    return reject(value, onlyDate ? "a date" : "a date and a time");
  if (onlyDate) return date;
  if (minutes === undefined) return `${date} 00:00:00`;
  const fraction = fractionText(digits);
  const offset = secondsEast(zone);
  if (offset === 0) return `${date} ${minutes}:${seconds}${fraction}`;
  const moment = Date.parse(`${date.length > 10 ? `+${date.padStart(12, "0")}` : date}T${minutes}:${seconds}Z`);
  if (Number.isNaN(moment)) return reject(value, "a date and a time");
  const utc = new Date(moment - offset * 1000).toISOString().replace(/^\+0*/, "");
  return `${utc.slice(0, utc.indexOf("."))}${fraction}`.replace("T", " ");
}

/** Checks whether a date exists, since Django could not read others. MySQL's zero date is kept. */
function isInCalendar(date: string): boolean {
  if (/^0+-00-00$/.test(date)) return true;
  const [year = 0, month = 0, day = 0] = date.split("-").map(Number);
  const found = new Date(0);
  found.setUTCFullYear(year, month - 1, day);
  return found.getUTCMonth() === month - 1 && found.getUTCDate() === day;
}

const isOnClock = (minutes = "00:00", seconds = "00"): boolean =>
  /^(?:[01]\d|2[0-3]):[0-5]\d$/.test(minutes) && /^[0-5]\d$/.test(seconds);

function secondsEast(zone: string | undefined): number {
  const [, sign, hours, minutes = "0", seconds = "0"] = /^([+-])(\d\d):?(\d\d)?:?(\d\d)?$/.exec(zone ?? "") ?? [];
  return sign === undefined ? 0 : Number(`${sign}1`) * (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds));
}

/** Returns six digits of a fraction, as Python writes it, or none. */
const fractionText = (digits = ""): string => (/[1-9]/.test(digits) ? `.${digits.padEnd(6, "0")}` : "");

/** Returns a time of day: `06:30:00`. Throws like `momentText`. */
export function timeText(value: string): string {
  const [, minutes, seconds = "00", digits] = TIME.exec(value) ?? [];
  // 24:00:00 is valid in PostgreSQL.
  return minutes === undefined || !(isOnClock(minutes, seconds) || `${minutes}:${seconds}` === "24:00:00")
    ? reject(value, "a time")
    : `${minutes}:${seconds}${fractionText(digits)}`;
}

/**
 * Returns a duration as PostgreSQL prints an interval, with days separate from hours as in Python. Anything else is
 * returned unchanged, as the database's own notation.
 */
export function durationText(value: string): string {
  const all = microsecondsOf(value);
  if (all === undefined) return value;
  const day = 86_400_000_000n;
  const days = all >= 0n ? all / day : -((-all + day - 1n) / day);
  const rest = all - days * day;
  const two = (number: bigint): string => String(number).padStart(2, "0");
  const fraction = rest % 1_000_000n === 0n ? "" : `.${String(rest % 1_000_000n).padStart(6, "0")}`.replace(/0+$/, "");
  const parts = [rest / 3_600_000_000n, (rest / 60_000_000n) % 60n, (rest / 1_000_000n) % 60n];
  const clock = `${parts.map(two).join(":")}${fraction}`;
  if (days === 0n) return clock;
  const words = `${days} day${days === 1n ? "" : "s"}`;
  return rest === 0n ? words : `${words} ${days < 0n ? "+" : ""}${clock}`;
}

/** Parses a duration as Django writes it: `1 02:03:04.5` or `P1DT2H3M4.5S`. Undefined for anything else. */
export function microsecondsOf(value: string): bigint | undefined {
  const iso = ISO_DURATION.exec(value);
  if (iso !== null && value.length > 2) {
    const [, sign, days, hours, minutes, seconds, digits] = iso;
    const all = inMicroseconds(days, hours, minutes, seconds, digits);
    return sign === "-" ? -all : all;
  }
  const plain = DURATION.exec(value);
  if (plain === null) return undefined;
  const [, days, sign, hours, minutes, seconds, digits] = plain;
  const clock = inMicroseconds("0", hours, minutes, seconds, digits);
  return BigInt(days ?? 0) * 86_400_000_000n + (sign === "-" ? -clock : clock);
}

const inMicroseconds = (days = "0", hours = "0", minutes = "0", seconds = "0", digits = ""): bigint =>
  ((BigInt(days) * 24n + BigInt(hours)) * 3600n + BigInt(minutes) * 60n + BigInt(seconds)) * 1_000_000n +
  BigInt(digits.padEnd(6, "0"));

function reject(value: string, expected: string): never {
  throw new HoldfastError("E_IMPORT", `expects ${expected}, found ${JSON.stringify(value.slice(0, 80))}`);
}
