/** `--json`: one JSON document a line on standard output, with the message types and field names that restic uses. */
import type { HoldfastEvent, Report } from "../model/event.ts";
import { Progress } from "./progress.ts";

const STATUS_EVERY_MS = 250;

export function jsonReport(write: (line: string) => void, verbose: boolean): Report {
  const progress = new Progress();
  const startedMs = Date.now();
  let lastStatus = 0;
  const emit = (message: Record<string, unknown>): void => write(`${JSON.stringify(message)}\n`);
  return (event) => {
    progress.apply(event);
    if (event.type === "unit_ended" && (verbose ? event.action !== "skipped" : event.action === "failed")) {
      const { step, unit, action, bytes, duration_ms } = event;
      emit({
        message_type: "verbose_status",
        action,
        item: `${step}/${unit}`,
        duration: duration_ms / 1000,
        data_size: bytes,
      });
    } else if (event.type === "failure") {
      const { step, unit, severity, code, message, hint } = event.failure;
      const item = unit === null ? step : `${step}/${unit}`;
      if (severity === "failed") emit({ message_type: "error", error: { message }, during: step, item, code, hint });
      else if (verbose || severity === "accepted")
        emit({ message_type: "verbose_status", action: severity, item, code, message });
    } else if (event.type === "note" && (verbose || event.level !== "info")) {
      emit({ message_type: "verbose_status", action: event.level, item: event.text });
    } else if (event.type === "run_ended") {
      emit({ message_type: "summary", ...runSummary(event) });
    } else if (
      event.type !== "run_started" &&
      event.type !== "run_failed" &&
      (event.type === "step_ended" || Date.now() - lastStatus >= STATUS_EVERY_MS)
    ) {
      lastStatus = Date.now();
      emit(status(progress, event, startedMs));
    }
  };
}

/** Returns the summary of a run, with its duration in seconds. */
export const runSummary = <Status extends string, Summary extends object>({
  run,
  status: runStatus,
  duration_ms,
  summary,
}: {
  readonly run: string;
  readonly status: Status;
  readonly duration_ms: number;
  readonly summary: Summary;
}) => ({ run, status: runStatus, total_duration: duration_ms / 1000, ...summary });

function status(progress: Progress, event: HoldfastEvent, startedMs: number): Record<string, unknown> {
  const steps = [...progress.steps.values()];
  const running = steps.filter((step) => step.state === "running");
  const left = running.map((step) => progress.secondsLeft(step)).filter((seconds) => seconds !== undefined);
  return {
    message_type: "status",
    seconds_elapsed: Math.round((Date.now() - startedMs) / 1000),
    percent_done: progress.fraction(),
    ...(left.length === 0 ? {} : { seconds_remaining: Math.round(Math.max(...left)) }),
    total_files: steps.reduce((sum, step) => sum + step.unitsTotal, 0),
    files_done: steps.reduce((sum, step) => sum + step.unitsDone, 0),
    total_bytes: steps.reduce((sum, step) => sum + step.bytesTotal, 0),
    bytes_done: steps.reduce((sum, step) => sum + progress.bytes(step), 0),
    current_files: running.flatMap((step) => [...step.running.keys()].map((unit) => `${step.step}/${unit}`)),
    error_count: progress.errors,
    ...("step" in event ? { step: event.step } : {}),
  };
}
