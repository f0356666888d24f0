/**
 * Normalizes dates and times as SQLite's applications write them, and checks for the forms that servers accept exactly.
 */
import { canonicalTime } from "../../database/digest/canonical.ts";
import type { Column, Kind } from "../schema/tables.ts";

/** The kinds of dates and times. */
export const TIMES: ReadonlySet<Kind> = new Set(["date", "time", "timestamp", "timestamptz"]);

const DAY = String.raw`\d{4,7}-\d\d-\d\d`;
const HOUR = String.raw`-?\d{2,3}:\d\d:\d\d(?:\.\d+)?`;
/** Matches the forms that a server prints, and reads unchanged. */
const FORMS: Partial<Record<Kind, RegExp>> = {
  date: new RegExp(`^${DAY}(?: BC)?$`),
  time: new RegExp(`^${HOUR}$`),
  timestamp: new RegExp(`^${DAY} ${HOUR}(?: BC)?$`),
  timestamptz: new RegExp(`^${DAY} ${HOUR}(?: BC)?$`),
};
const AWAY = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)((?:\.\d+)?) ?([+-]\d\d):?(\d\d)$/;

/** Returns the normal form of a time in a column of this kind; other text is returned unchanged. */
export function timeForm(kind: Kind, text: string): string {
  const plain = canonicalTime(text);
  if (kind === "date") return plain.replace(/ 00:00:00$/, "");
  if (kind === "time") return plain;
  if (/^\d{4,7}-\d\d-\d\d$/.test(plain)) return `${plain} 00:00:00`;
  return toUtc(text.trim()) ?? plain;
}

/** Checks whether a server's column accepts the text with exactly its meaning. */
export const isTime = ({ kind }: Column, text: string): boolean => FORMS[kind]?.test(text) ?? true;

/** Returns a time as MediaWiki stores it: 14 digits, in UTC. Undefined for fractional seconds or an invalid time. */
export const digitsOfTime = (text: string): string | undefined =>
  /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)$/.exec(timeForm("timestamp", text))?.slice(1).join("");

/** Converts 14 digits into a time. */
export function timeOfDigits(digits: string): string | undefined {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(digits) ?? [];
  return year === undefined ? undefined : `${year}-${month}-${day} ${hour}:${minute}:${second}`;
}

/** Converts a time with an offset to UTC. */
function toUtc(text: string): string | undefined {
  const [, day, time, fraction = "", hours = "", minutes = ""] = AWAY.exec(text) ?? [];
  if (day === undefined || time === undefined) return undefined;
  const milliseconds = Date.parse(`${day}T${time.length === 5 ? `${time}:00` : time}${hours}:${minutes}`);
  if (Number.isNaN(milliseconds)) return undefined;
  return canonicalTime(`${new Date(milliseconds).toISOString().slice(0, 19)}${fraction}`);
}
