/** The log of a run, line by line. */
import { createReadStream, existsSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import * as z from "zod";
import { HoldfastError } from "../errors.ts";
import { listIncomplete, runDirectory, stagingDirectory } from "../store/layout.ts";
import { findStore } from "../store/open.ts";
import { findRun } from "./find-run.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LEVELS)[number];

const logLineSchema = z.looseObject({ level: z.string(), time: z.string(), type: z.string(), msg: z.string() });
export type LogLine = z.infer<typeof logLineSchema>;

/** Yields the lines of a run's log from `level` on, each with its text; a run that is not published yet has one too. Throws `E_RUN_UNKNOWN`. */
export async function* readLog(
  dest: string,
  name: string,
  level: LogLevel,
): AsyncGenerator<{ line: LogLine; text: string }> {
  const store = await findStore(dest);
  const directory = listIncomplete(store.path).includes(name)
    ? stagingDirectory(store.path, name)
    : runDirectory(store.path, findRun(store.path, name));
  const file = path.join(directory, "run.log");
  if (!existsSync(file)) throw new HoldfastError("E_VERIFY", `the run ${name} has no run.log`);
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    const line = parseLine(text);
    if (line !== undefined && LEVELS.findIndex((one) => one === line.level) >= LEVELS.indexOf(level))
      yield { line, text };
  }
}

function parseLine(text: string): LogLine | undefined {
  try {
    return logLineSchema.parse(JSON.parse(text));
  } catch {
    return undefined; // the last line of a run that was killed may be half a line
  }
}
