/** How a sub-script tells its parent what happens: each event as a line of JSON, checked on arrival. */
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { eventSchema, type Report } from "../model/event.ts";

/** For the sub-script's side. */
export const wireReport =
  (write: (line: string) => void): Report =>
  (event) =>
    write(`${JSON.stringify(event)}\n`);

/** For the parent's side: passes on every event that arrives until the stream ends. A line that is no event becomes a note. */
export async function readWire(stream: Readable, report: Report): Promise<void> {
  for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
    if (line.trim() === "") continue;
    const event = parseEvent(line);
    report(event ?? { type: "note", level: "info", text: line });
  }
}

function parseEvent(line: string) {
  try {
    const parsed = eventSchema.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
