/** Alerts, and what becomes of one on its way. */
import type { AlertEvent } from "../../../config/settings/alerts.ts";

/** A message for people. Its texts are data of the site: a route escapes them for its own format. */
export interface Alert {
  readonly event: AlertEvent | "test";
  readonly site: string;
  readonly host: string;
  /** Identifies what happened: the same cause is not reported twice in a day. */
  readonly cause: string;
  /** One line. */
  readonly title: string;
  readonly text: string;
  readonly run: string | null;
  /** ISO 8601. */
  readonly at: string;
}

/** A sign of life of a job, for a monitor that waits for it. */
export interface Ping {
  readonly job: Job;
  /** The same UUID for the start and the end of one execution. */
  readonly id: string;
  /** The exit status at the end. */
  readonly state: "start" | number;
  readonly text: string;
}

/** The commands whose ends are reported. */
export type Job = "backup" | "drill" | "verify" | "push" | "watch";

/** The answer of a route; it holds no secret. */
export interface Delivery {
  readonly ok: boolean;
  readonly answer: string;
}

/** The most bytes of a message that a route sends: the Healthchecks protocol keeps as many. */
const MOST_BYTES = 100_000;

/** Returns the whole message, cut to 100 kB. */
export const messageOf = ({ title, text }: Pick<Alert, "title" | "text">): string =>
  cutBytes(text === "" ? title : `${title}\n\n${text}`, MOST_BYTES);

/** Cuts a text to a number of bytes, between characters. */
export function cutBytes(text: string, most: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= most) return text;
  let end = most - Buffer.byteLength(CUT);
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--; // the middle of a character
  return `${bytes.toString("utf8", 0, end)}${CUT}`;
}

/** Cuts a text to a number of UTF-16 units, between characters: the unit of most services. */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text;
  const start = text.slice(0, most - CUT.length);
  return `${start.replace(/[\ud800-\udbff]$/, "")}${CUT}`;
}

const CUT = "\n…";
