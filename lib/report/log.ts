/** Writes `run.log`: every event but progress, one JSON document a line with its time and level. */
import pino from "pino";
import type { Report } from "../model/event.ts";
import { redact } from "./redact.ts";

const LEVELS = { info: "info", warning: "warn", error: "error" } as const;

/** Writes events to `file` until `close` is called. */
export function logReport(file: string): { readonly report: Report; readonly close: () => void } {
  const destination = pino.destination({ dest: file, sync: true, append: true });
  const log = pino(
    {
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
    },
    destination,
  );
  let closed = false;
  const report: Report = (event) => {
    if (closed || event.type === "unit_progress" || event.type === "unit_started") return;
    const { type, ...rest } = event;
    if (event.type === "failure")
      log[event.failure.severity === "failed" ? "error" : "warn"](
        { type, ...event.failure },
        redact(event.failure.message),
      );
    else if (event.type === "note") log[LEVELS[event.level]]({ type }, redact(event.text));
    else log.info({ type, ...rest }, type.replaceAll("_", " "));
  };
  return {
    report,
    close: (): void => {
      if (closed) return;
      closed = true;
      destination.flushSync();
      destination.end();
    },
  };
}
