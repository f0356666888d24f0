/** Reads the log of a run, line by line. */
import { existsSync } from "node:fs";
import path from "node:path";
import { MOST_LINE, parseJson } from "../../archive/limits.ts";
import { readLines } from "../../archive/files/lines.ts";
import { HoldfastError } from "../../errors.ts";
import { logLineSchema, type LogLine } from "../../model/event.ts";
import { failedLog } from "../../store/run/failed-log.ts";
import { isRunId, listIncomplete, listRuns, runDirectory, stagingDirectory } from "../../store/files/layout.ts";
import { findStore } from "../../store/open.ts";
import { findRun } from "./find-run.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LEVELS)[number];

/**
 * Yields the lines of a run's log from `level` on, each with its text; an unpublished run has one too. Throws
 * `E_RUN_UNKNOWN`.
 */
export async function* readLog(
  dest: string,
  name: string,
  level: LogLevel,
): AsyncGenerator<{ line: LogLine; text: string }> {
  const store = await findStore(dest);
  const file = logOf(store.path, name);
  if (!existsSync(file)) throw new HoldfastError("E_VERIFY", `the run ${name} has no run.log`);
  for (const text of readLines(file, MOST_LINE, "E_VERIFY")) {
    const line = parseLine(text);
    if (line !== undefined && LEVELS.findIndex((one) => one === line.level) >= LEVELS.indexOf(level))
      yield { line, text };
  }
}

/** Finds the log of a run that was published, is being written, or failed. */
function logOf(store: string, name: string): string {
  if (listIncomplete(store).includes(name)) return path.join(stagingDirectory(store, name), "run.log");
  const failed = failedLog(store, name);
  if (isRunId(name) && !listRuns(store).includes(name) && existsSync(failed)) return failed;
  return path.join(runDirectory(store, findRun(store, name)), "run.log");
}

function parseLine(text: string): LogLine | undefined {
  try {
    return logLineSchema.parse(parseJson(text));
  } catch {
    return undefined; // a killed run may end in half a line
  }
}
