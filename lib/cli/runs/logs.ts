/** `logs`: prints the log of a run. */
import { colors as pc } from "../../report/colors.ts";
import { EXIT } from "../../errors.ts";
import { eventSchema, type HoldfastEvent, type LogLine } from "../../model/event.ts";
import { logOf } from "../../api/runs.ts";
import type { LogLevel } from "../../ops/runs/log.ts";
import { formatBytes, formatDuration, plural } from "../../report/format.ts";
import { printable } from "../../report/printable.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { storeOf } from "../core/store-path.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const satisfies readonly LogLevel[];

export const logs = defineCommand({
  forms: ["[RUN] --dest DIR"],
  description: "Prints the log of a run: an id, or latest.",
  positionals: { run: { type: "string", describe: "an id, or latest, which is the default" } },
  options: {
    level: { choices: LEVELS, describe: "minimum level of the lines (default: info)" },
  },
  async run(flags) {
    const store = storeOf(flags);
    for await (const { line, text } of logOf(store, { run: flags.run, level: lastValue(flags.level) })) {
      process.stdout.write(flags.json ? `${text}\n` : `${printable(showLine(line))}\n`);
    }
    return EXIT.ok;
  },
});

function showLine(line: LogLine): string {
  const level = line.level.padEnd(5);
  const mark = line.level === "error" ? pc.red(level) : line.level === "warn" ? pc.yellow(level) : pc.dim(level);
  return `${line.time.slice(0, 19).replace("T", " ")}Z  ${mark}  ${describe(line)}`;
}

/** Describes the event of a line; an unknown event keeps its own message. */
function describe(line: LogLine): string {
  if (line.type === "failure") return `${place(line["step"], line["unit"])}: ${line.msg} [${String(line["code"])}]`;
  const event = eventSchema.safeParse(line).data;
  return event === undefined ? line.msg : inWords(event, line.msg);
}

function inWords(event: HoldfastEvent, message: string): string {
  switch (event.type) {
    case "run_started":
      return `run ${event.run} of ${event.site}${event.resumed ? ", resumed" : ""}: ${event.steps.join(", ")}`;
    case "step_started":
      return `${event.step} started`;
    case "step_planned":
      return `${event.step}: ${plural(event.units, "unit")} planned, ${formatBytes(event.bytes)}`;
    case "unit_ended":
      return [
        `${place(event.step, event.unit)} ${event.action}`,
        formatBytes(event.bytes),
        formatDuration(event.duration_ms),
      ].join(", ");
    case "step_ended": {
      const { built, reused, resumed, failed, skipped, size_bytes } = event.counters;
      const counts = `${built} built, ${reused + resumed} kept, ${failed} failed, ${skipped} skipped`;
      return `${event.step} ended: ${counts}, ${formatBytes(size_bytes)}, ${formatDuration(event.duration_ms)}`;
    }
    case "projects":
      return plural(event.count, "project");
    default:
      return message;
  }
}

const place = (step: unknown, unit: unknown): string =>
  typeof unit === "string" ? `${String(step)}/${unit}` : String(step);
