/** Dates, times and durations as Django's serialisers write them, as an export has them. */
import { HoldfastError } from "../../../errors.ts";

const MOMENT =
  /^(\d{4,6}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?)?$/i;
const TIME = /^(\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?$/;
/** `1 02:03:04.5`, `-1 days, 23:00:00`. */
const DURATION = /^(?:(-?\d+)(?: days?,?)? )?(-?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/;
const ISO_DURATION = /^(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,6}))?S)?)?$/;

/** In UTC, `2024-02-29 23:59:59.123000`, or the day alone. Throws `E_IMPORT`, in words that fit behind a column's name. */
export function momentText(value: string, onlyDate: boolean): string {
  const [, date, minutes, seconds = "00", digits, zone] = MOMENT.exec(value) ?? [];
  if (date === undefined || !isInCalendar(date) || !isOnClock(minutes, seconds))
    return refuse(value, onlyDate ? "a date" : "a date and a time");
  if (onlyDate) return date;
  if (minutes === undefined) return `${date} 00:00:00`;
  const fraction = fractionText(digits);
  const offset = secondsEast(zone);
  if (offset === 0) return `${date} ${minutes}:${seconds}${fraction}`;
  const moment = Date.parse(`${date.length > 10 ? `+${date.padStart(12, "0")}` : date}T${minutes}:${seconds}Z`);
  if (Number.isNaN(moment)) return refuse(value, "a date and a time");
  const utc = new Date(moment - offset * 1000).toISOString().replace(/^\+0*/, "");
  return `${utc.slice(0, utc.indexOf("."))}${fraction}`.replace("T", " ");
}

/** What Django could not read again is refused. MySQL's date of nothing but zeros is its own. */
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

/** Python writes six digits of a second's fraction, or none. */
const fractionText = (digits = ""): string => (/[1-9]/.test(digits) ? `.${digits.padEnd(6, "0")}` : "");

/** `06:30:00`. Throws as `momentText`. */
export function timeText(value: string): string {
  const [, minutes, seconds = "00", digits] = TIME.exec(value) ?? [];
  // The last one is PostgreSQL's.
  return minutes === undefined || !(isOnClock(minutes, seconds) || `${minutes}:${seconds}` === "24:00:00")
    ? refuse(value, "a time")
    : `${minutes}:${seconds}${fractionText(digits)}`;
}

/** As PostgreSQL prints an interval, days apart from hours as Python has them. What is no duration stays as it is: the database's own words. */
export function durationText(value: string): string {
  const all = microsecondsOf(value);
  if (all === undefined) return value;
  const day = 86_400_000_000n;
  const days = all >= 0n ? all / day : -((-all + day - 1n) / day);
  const rest = all - days * day;
  const two = (number: bigint): string => String(number).padStart(2, "0");
  const fraction = rest % 1_000_000n === 0n ? "" : `.${String(rest % 1_000_000n).padStart(6, "0")}`.replace(/0+$/, "");
  const clock = `${two(rest / 3_600_000_000n)}:${two((rest / 60_000_000n) % 60n)}:${two((rest / 1_000_000n) % 60n)}${fraction}`;
  if (days === 0n) return clock;
  const words = `${days} day${days === 1n ? "" : "s"}`;
  return rest === 0n ? words : `${words} ${days < 0n ? "+" : ""}${clock}`;
}

/** Of a duration as Django writes it: `1 02:03:04.5` or `P1DT2H3M4.5S`. Undefined for what is none. */
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

function refuse(value: string, wanted: string): never {
  throw new HoldfastError("E_IMPORT", `is given ${JSON.stringify(value.slice(0, 80))}, and takes ${wanted}`);
}
