/** The events of a step's process on their way to the parent: a line of JSON each, checked on arrival. */
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { eventSchema, type Report } from "../model/event.ts";

/** Returns the report of a step's process, which writes each event as a line. */
export const wireReport =
  (write: (line: string) => void): Report =>
  (event) =>
    write(`${JSON.stringify(event)}\n`);

/** Reports every event that arrives until the stream ends; a line that is not a valid event becomes a note. */
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
