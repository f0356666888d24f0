/** The series of a run with the values that the good runs before it had. */
import type { StepName } from "../../../model/unit.ts";
import type { GoodRun } from "./good-runs.ts";
import type { StepSeries, RunSeries } from "./series.ts";

/** `rewritten` is the part of the bytes that were rewritten, which has a rule of its own. */
export type Measure = "rows" | "units" | "files" | "bytes" | "rewritten";

/** A series: of a step, of a unit of it, or of a table of that. */
export interface Series {
  readonly measure: Measure;
  readonly step: StepName;
  readonly unit: string | null;
  readonly table: string | null;
  readonly now: number;
  /** Of the good runs before, the newest first. */
  readonly values: number[];
  /** True when what was accepted of a run restarts it there. */
  isClosed: boolean;
}

/** Lists the series of a step: its own, where none of its units failed, and those of its units and tables. */
export function seriesOf(step: StepName, { units, rewritten }: StepSeries, isWhole: boolean): Series[] {
  const series = (measure: Measure, now: number | null, unit: string | null, table: string | null): Series[] =>
    now === null ? [] : [{ measure, step, unit, table, now, values: [], isClosed: false }];
  const all = Object.entries(units);
  const totals = totalsOf({ units });
  return [
    ...series("rewritten", rewritten, null, null),
    ...(isWhole ? series("units", all.length, null, null) : []),
    // Of a single unit the step's bytes and files are the unit's own.
    ...(isWhole && all.length > 1
      ? [...series("files", totals.files, null, null), ...series("bytes", totals.bytes, null, null)]
      : []),
    ...all.flatMap(([unit, { bytes, files, tables = {} }]) => [
      ...series("files", files, unit, null),
      ...series("bytes", bytes, unit, null),
      ...Object.entries(tables).flatMap(([table, rows]) => series("rows", rows, unit, table)),
    ]),
  ];
}

interface Totals {
  readonly units: number;
  readonly files: number;
  readonly bytes: number;
}

function totalsOf({ units }: Pick<StepSeries, "units">): Totals {
  const totals = { units: 0, files: 0, bytes: 0 };
  for (const { bytes, files } of Object.values(units)) {
    totals.units++;
    totals.files += files ?? 0;
    totals.bytes += bytes;
  }
  return totals;
}

/** Adds the values that the next older run has, and ends the series that begin at that run. */
export function addValues(all: readonly Series[], { series: run, accepted }: GoodRun): void {
  const totals = new Map(Object.entries(run.steps).map(([step, series]) => [step, totalsOf(series)]));
  const restarted = new Set(accepted.map(keyOf));
  for (const series of all) {
    if (series.isClosed) continue;
    const value = valueIn(run, totals, series);
    if (value !== null) series.values.push(value);
    series.isClosed = restarted.has(keyOf(series));
  }
}

function valueIn(run: RunSeries, totals: ReadonlyMap<string, Totals>, { step, unit, table, measure }: Series) {
  if (measure === "rewritten") return run.steps[step]?.rewritten ?? null;
  if (unit === null) return measure === "rows" ? null : (totals.get(step)?.[measure] ?? null);
  const units = run.steps[step]?.units ?? {};
  const own = Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (own === undefined || measure === "units") return null;
  if (measure !== "rows") return own[measure];
  const tables = own.tables ?? {};
  return table !== null && Object.hasOwn(tables, table) ? (tables[table] ?? null) : null;
}

const keyOf = ({ step, unit, table }: Pick<Series, "step" | "unit" | "table">): string =>
  JSON.stringify([step, unit, table]);
