/** Checks the manifest: its totals agree with the units, and its times with run.log. */
import path from "node:path";
import * as z from "zod";
import { MOST_LINE, parseJson } from "../../../archive/limits.ts";
import { readLines } from "../../../archive/files/lines.ts";
import { totalsSchema, type Totals } from "../../../model/run.ts";
import { formatBytes } from "../../../report/format.ts";
import { MANIFEST_FILE } from "../../../store/run/manifest.ts";
import type { RunInventory } from "../inventory/run-inventory.ts";
import { count, type Finding, type Problem } from "../../checks/check.ts";

/** Recomputes counts and bytes. */
export function checkTotals(survey: RunInventory): Finding | undefined {
  const { manifest, units } = survey;
  if (manifest === undefined) return undefined;
  const failures = (severity: string): number =>
    manifest.failures.filter((failure) => failure.severity === severity).length;
  const bytes = (chosen: typeof units): number => chosen.reduce((sum, unit) => sum + unit.size, 0);
  const totals: Totals = {
    units: units.length,
    failed: failures("failed"),
    skipped: failures("skipped"),
    accepted: failures("accepted"),
    artifacts: units.reduce((sum, unit) => sum + unit.artifacts.length, 0),
    size_bytes: bytes(units),
    written_bytes: bytes(units.filter((unit) => unit.builtIn === survey.run)),
    reused_bytes: bytes(units.filter((unit) => unit.builtIn !== survey.run)),
  };
  const problems: Problem[] = [];
  const say = (message: string): void => void problems.push({ path: MANIFEST_FILE, message });
  for (const key of totalsSchema.keyof().options) {
    if (totals[key] !== manifest.totals[key])
      say(`totals.${key} is ${manifest.totals[key]}, but the units add up to ${totals[key]}`);
  }
  for (const [step, summary] of Object.entries(manifest.steps)) {
    const size = bytes(units.filter((unit) => unit.step === step));
    if (size !== summary.size_bytes)
      say(`steps.${step}.size_bytes is ${summary.size_bytes}, but the units add up to ${size}`);
  }
  if (manifest.status !== (totals.failed === 0 ? "complete" : "partial"))
    say(`the status is ${manifest.status} with ${totals.failed} failed`);
  return {
    figure: `${count(totals.units, "unit")}, ${count(totals.artifacts, "artifact")}, ${formatBytes(totals.size_bytes)}`,
    problems,
  };
}

/** A clock may be corrected during a run; times further apart belong to different runs. */
const TOLERANCE_MS = 60_000;

const lineSchema = z.looseObject({ time: z.string(), type: z.string(), run: z.string().optional() });

/** Compares the manifest's times with the log. The log of a resumed run begins with that of the interrupted one. */
export async function checkTimes(survey: RunInventory): Promise<Finding | undefined> {
  const { manifest, directory, files, run } = survey;
  if (manifest === undefined || !files.has("run.log")) return undefined;
  const problems: Problem[] = [];
  const say = (message: string): void => void problems.push({ path: "run.log", message });
  const [from, to] = [Date.parse(manifest.started_at), Date.parse(manifest.finished_at)];
  let lines = 0;
  let started = Number.NaN;
  let last = Number.NaN;
  for (const text of readLines(path.join(directory, "run.log"), MOST_LINE, "E_VERIFY")) {
    const line = parseLine(text);
    lines++;
    if (line === undefined) continue;
    last = Date.parse(line.time);
    if (line.type !== "run_started") continue;
    started = last;
    if (line.run !== run) say(`line ${lines} belongs to the run ${line.run ?? "?"}`);
  }
  if (Number.isNaN(started)) say("does not record when the run began");
  else if (started < from - TOLERANCE_MS || started > to + TOLERANCE_MS)
    say(`the run began at ${new Date(started).toISOString()}, but the manifest records ${manifest.started_at}`);
  if (last > to + TOLERANCE_MS)
    say(`ends at ${new Date(last).toISOString()}, but the manifest records ${manifest.finished_at}`);
  return {
    figure: `${manifest.started_at.slice(0, 19)}Z to ${manifest.finished_at.slice(0, 19)}Z, ${count(lines, "line")}`,
    problems,
  };
}

function parseLine(text: string) {
  try {
    const { success, data } = lineSchema.safeParse(parseJson(text));
    return success && !Number.isNaN(Date.parse(data.time)) ? data : undefined;
  } catch {
    return undefined; // a run that was killed may have left half a line
  }
}
