/** Applies the rules to one step of a run. */
import type { AnomalySettings } from "../../../config/settings/anomalies.ts";
import type { Failure, StepName } from "../../../model/unit.ts";
import { STEPS } from "../../../steps/registry.ts";
import type { UnitFacts } from "../facts.ts";
import type { Found } from "./group.ts";
import type { StepSeries } from "../history/series.ts";
import type { Series } from "../history/windows.ts";
import { judgeContent } from "../rules/content.ts";
import type { Finding } from "../rules/finding.ts";
import { judgeRewrite, type Rewritten } from "../rules/rewrite.ts";
import { DEFAULT_LIMITS, judgeSeries, type SeriesLimits } from "../rules/series.ts";
import { judgeGone, judgeNothing, missingTable, missingUnit } from "../rules/units.ts";

/** A step of a run, and what is known of it from the good runs before. */
export interface JudgedStep {
  readonly step: StepName;
  readonly now: ReadonlyMap<string, UnitFacts>;
  /** In the metadata of the last good run, as far as they were read. */
  readonly before: ReadonlyMap<string, UnitFacts>;
  /** In the figures of the last good run. */
  readonly known: StepSeries;
  readonly rewritten: Rewritten | undefined;
  readonly series: readonly Series[];
  readonly failures: readonly Failure[];
  readonly settings: AnomalySettings;
}

/** Returns what the rules find. */
export function judgeStep(judged: JudgedStep): Found[] {
  const { step, now, known, failures, settings } = judged;
  if (settings.steps[step] === "off") return [];
  const own = failures.filter((failure) => failure.step === step);
  const hasFailed = own.some(({ unit, severity }) => unit === null && severity !== "skipped");
  if (hasFailed) return [];
  // A unit that failed is reported as such, and is not missing.
  const failed = new Set(own.filter(({ severity }) => severity !== "skipped").map(({ unit }) => unit));
  const before = Object.keys(known.units);
  const nothing = failed.size === 0 ? judgeNothing(before.length, now.size) : undefined;
  if (nothing !== undefined) return [{ ...nothing, step, unit: null, table: null }];
  const missing = before.filter((unit) => !now.has(unit) && !failed.has(unit));
  return [
    ...judgeMissing(judged, missing),
    ...judgeTables(judged),
    ...judgeAllSeries(judged),
    ...judgeContents(judged),
    ...judgeRewritten(judged),
  ];
}

function judgeMissing({ step, now, known }: JudgedStep, missing: readonly string[]): Found[] {
  const found = (finding: Finding | undefined, unit: string | null): Found[] =>
    finding === undefined ? [] : [{ ...finding, step, unit, table: null }];
  if (STEPS[step].byUsers === true) return found(judgeGone(missing, Object.keys(known.units).length, now.size), null);
  return missing.flatMap((unit) => found(missingUnit(known.units[unit]?.bytes ?? 0), unit));
}

function judgeTables({ step, now, before, known, settings }: JudgedStep): Found[] {
  return [...now].flatMap(([unit, facts]) => {
    const tables = Object.hasOwn(known.units, unit) ? (known.units[unit]?.tables ?? {}) : {};
    const hasMigrated = before.has(unit) && before.get(unit)?.migrations !== facts.migrations;
    return Object.entries(tables)
      .filter(([table]) => !facts.tables.has(table) && settings.tables[table] !== "off")
      .map(([table, rows]) => ({ ...missingTable(rows, hasMigrated), step, unit, table }));
  });
}

function judgeAllSeries({ series, settings }: JudgedStep): Found[] {
  return series.flatMap(({ measure, step, unit, table, now, values }): Found[] => {
    const limits = limitsOf(settings, step, unit, table);
    if (measure === "rewritten" || limits === "off") return [];
    const finding = judgeSeries(now, values.toReversed(), limits);
    return finding === undefined ? [] : [{ ...finding, rule: `${measure}: ${finding.rule}`, step, unit, table }];
  });
}

/** Returns the limits of a series: those of its table, else of its step. */
function limitsOf(
  { tables, steps }: AnomalySettings,
  step: StepName,
  unit: string | null,
  table: string | null,
): SeriesLimits | "off" {
  const ofStep = steps[step] ?? { units: true };
  const own = table !== null && Object.hasOwn(tables, table) ? tables[table] : undefined;
  if (own === "off" || ofStep === "off") return "off";
  if (unit !== null && table === null && !ofStep.units) return "off";
  const { shrink, grow } = { ...ofStep, ...own };
  return {
    shrink: shrink === undefined ? DEFAULT_LIMITS.shrink : -Math.log(1 - shrink),
    grow: grow === undefined ? DEFAULT_LIMITS.grow : Math.log(grow),
  };
}

function judgeContents({ step, now, before }: JudgedStep): Found[] {
  return [...now].flatMap(([unit, facts]) => {
    const was = before.get(unit);
    if (was === undefined || facts.builtIn === was.builtIn) return [];
    return judgeContent(facts, was).map((finding): Found => ({ ...finding, step, unit, table: null }));
  });
}

function judgeRewritten({ step, rewritten, series, settings }: JudgedStep): Found[] {
  const ofStep = settings.steps[step];
  if (rewritten === undefined || (typeof ofStep === "object" && !ofStep.rewrite)) return [];
  const window = series.find(({ measure }) => measure === "rewritten")?.values ?? [];
  const finding = judgeRewrite(rewritten, window);
  return finding === undefined ? [] : [{ ...finding, step, unit: null, table: null }];
}
