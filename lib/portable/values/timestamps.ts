/** Dates and times as SQLite's applications write them, and as servers take them: what a server would cut off or guess at is refused. */
import { canonicalTime } from "../../database/digest/canonical.ts";
import type { Column, Kind } from "../schema/tables.ts";

const DAY = String.raw`\d{4,7}-\d\d-\d\d`;
const HOUR = String.raw`-?\d{2,3}:\d\d:\d\d(?:\.\d+)?`;
/** What a server prints, and reads as it is. */
const FORMS: Partial<Record<Kind, RegExp>> = {
  date: new RegExp(`^${DAY}(?: BC)?$`),
  time: new RegExp(`^${HOUR}$`),
  timestamp: new RegExp(`^${DAY} ${HOUR}(?: BC)?$`),
  timestamptz: new RegExp(`^${DAY} ${HOUR}(?: BC)?$`),
};
const AWAY = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)((?:\.\d+)?) ?([+-]\d\d):?(\d\d)$/;

/** The one form of what means the same in a column of this kind; what is none of these forms stays as it is. */
export function timeForm(kind: Kind, text: string): string {
  const plain = canonicalTime(text);
  if (kind === "date") return plain.replace(/ 00:00:00$/, "");
  if (kind === "time") return plain;
  if (/^\d{4,7}-\d\d-\d\d$/.test(plain)) return `${plain} 00:00:00`;
  return toUtc(text.trim()) ?? plain;
}

/** Whether a server's column takes it as what it is. */
export const isTime = ({ kind }: Column, text: string): boolean => FORMS[kind]?.test(text) ?? true;

/** A moment as MediaWiki keeps it: 14 digits, in UTC. Undefined for what has parts of a second, or is none. */
export const digitsOfTime = (text: string): string | undefined =>
  /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)$/.exec(timeForm("timestamp", text))?.slice(1).join("");

/** The moment that 14 digits stand for. */
export function timeOfDigits(digits: string): string | undefined {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(digits) ?? [];
  return year === undefined ? undefined : `${year}-${month}-${day} ${hour}:${minute}:${second}`;
}

/** A time with an offset, in UTC. */
function toUtc(text: string): string | undefined {
  const [, day, time, fraction = "", hours = "", minutes = ""] = AWAY.exec(text) ?? [];
  if (day === undefined || time === undefined) return undefined;
  const moment = Date.parse(`${day}T${time.length === 5 ? `${time}:00` : time}${hours}:${minutes}`);
  if (Number.isNaN(moment)) return undefined;
  return canonicalTime(`${new Date(moment).toISOString().slice(0, 19)}${fraction}`);
}
