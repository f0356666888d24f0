/** Reports to people on standard error: a live block of bars on a terminal, plain lines in a pipe. */
import { bar } from "./bar.ts";
import { colors as pc } from "./colors.ts";
import type { HoldfastEvent, Report, StepCounters } from "../model/event.ts";
import type { Failure } from "../model/unit.ts";
import { formatBytes, formatDuration, plural } from "./format.ts";
import { printable } from "./printable.ts";
import { Progress, type StepProgress } from "./progress.ts";
import { liveText } from "./terminal.ts";

export interface TextOptions {
  readonly quiet: boolean;
  readonly verbose: boolean;
}

const FRAME_MS = 100;
const FAILURES_SHOWN = 10;

/** Reports to `stream`; with bars when it is a terminal. */
export function textReport(stream: NodeJS.WriteStream, options: TextOptions): Report {
  const progress = new Progress();
  const live = stream.isTTY && !options.quiet ? liveBlock(stream, progress) : undefined;
  const failures: Failure[] = [];
  const say = (line: string): void => {
    live?.clear();
    stream.write(`${printable(line)}\n`);
  };
  return (event) => {
    progress.apply(event);
    if (event.type === "failure") failures.push(event.failure);
    const isShown = !options.quiet || (event.type === "note" && event.level === "error");
    const line = !isShown ? undefined : lineFor(event, progress, options, live !== undefined);
    if (line !== undefined) say(line);
    if (event.type === "run_ended" || event.type === "run_failed") {
      live?.stop();
      const place = event.type === "run_ended" ? "failures.json" : "the log";
      for (const text of failureLines(failures, options, place)) stream.write(`${printable(text)}\n`);
    } else {
      live?.draw();
    }
  };
}

/** Returns the failures to show at the end, also with `quiet`, and the number of those not shown. */
function failureLines(failures: readonly Failure[], { quiet, verbose }: TextOptions, place: string): string[] {
  const counting = failures.filter(({ severity }) =>
    quiet ? severity === "failed" : verbose || severity !== "skipped",
  );
  const more = counting.length - FAILURES_SHOWN;
  return [
    ...counting.slice(0, FAILURES_SHOWN).flatMap(describeFailure),
    ...(more > 0 ? [`… and ${more} more in ${place}`] : []),
  ];
}

function lineFor(event: HoldfastEvent, progress: Progress, options: TextOptions, live: boolean): string | undefined {
  switch (event.type) {
    case "run_started":
      return `${pc.bold(event.site)}: run ${event.run}${event.resumed ? ", resumed" : ""}`;
    case "step_ended": {
      const step = progress.steps.get(event.step);
      return step === undefined || live ? undefined : stepLine(step, event.counters);
    }
    case "unit_ended":
      return options.verbose
        ? `  ${event.action.padEnd(8)} ${event.step}/${event.unit}  ${formatBytes(event.bytes)}`
        : undefined;
    case "note":
      if (event.level === "error") return `${pc.red("error:")} ${event.text}`;
      if (event.level === "warning") return `${pc.yellow("warning:")} ${event.text}`;
      return options.verbose ? event.text : undefined;
    case "projects":
      return options.verbose ? plural(event.count, "project") : undefined;
    default:
      return undefined;
  }
}

function stepLine(step: StepProgress, counters: StepCounters): string {
  return `${counters.failed > 0 ? pc.red("✗") : pc.green("✓")} ${step.step.padEnd(17)} ${outcomeOf(step, counters)}`;
}

/** `12 units, 10 unchanged, 1 failed, 4.0 MiB, 3.2 s` */
function outcomeOf(step: StepProgress, counters: StepCounters): string {
  const kept = counters.reused + counters.resumed;
  return [
    plural(counters.built + kept, "unit"),
    ...(kept > 0 ? [`${kept} unchanged`] : []),
    ...(counters.skipped > 0 ? [`${counters.skipped} skipped`] : []),
    ...(counters.accepted > 0 ? [`${counters.accepted} accepted`] : []),
    ...(counters.failed > 0 ? [pc.red(`${counters.failed} failed`)] : []),
    formatBytes(counters.size_bytes),
    formatDuration(step.durationMs),
  ].join(", ");
}

/** The two lines of a failure: what happened, what to do. */
export function describeFailure(failure: Failure): string[] {
  const where = failure.unit === null ? failure.step : `${failure.step}/${failure.unit}`;
  const mark = failure.severity === "failed" ? pc.red("failed") : failure.severity;
  return [
    `${mark} ${where}: ${failure.message} ${pc.dim(`[${failure.code}]`)}`,
    ...(failure.severity === "failed" ? [`  hint: ${failure.hint}`] : []),
  ];
}

/** The bars, drawn anew at most ten times a second. */
function liveBlock(stream: NodeJS.WriteStream, progress: Progress) {
  const update = liveText(stream);
  let timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    timer = undefined;
    update.draw([...progress.steps.values()].map((step) => printable(barLine(progress, step))).join("\n"));
  };
  return {
    draw: (): void => {
      timer ??= setTimeout(draw, FRAME_MS);
    },
    clear: (): void => update.clear(),
    stop: (): void => {
      clearTimeout(timer);
      draw();
      update.done();
    },
  };
}

function barLine(progress: Progress, step: StepProgress): string {
  const mark =
    step.failed > 0
      ? pc.red("✗")
      : step.state === "done"
        ? pc.green("✓")
        : step.state === "running"
          ? pc.cyan("▸")
          : pc.dim("·");
  return `${mark} ${step.step.padEnd(17)} ${bar(progress.stepFraction(step))} ${barDetails(progress, step)}`;
}

function barDetails(progress: Progress, step: StepProgress): string {
  if (step.state === "waiting") return pc.dim("waiting");
  if (step.counters !== undefined) return outcomeOf(step, step.counters);
  const left = progress.secondsLeft(step);
  return [
    `${step.unitsDone}/${step.unitsTotal}`,
    formatBytes(progress.bytes(step)),
    left === undefined ? "" : `${Math.ceil(left)} s left`,
    [...step.running.keys()].slice(0, 2).join(" "),
  ]
    .filter((part) => part !== "")
    .join("  ");
}
