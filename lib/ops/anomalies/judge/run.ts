/** Judges a full run by the good runs before it. docs/anomalies.md has the rules. */
import type { AnomalySettings } from "../../../config/settings/anomalies.ts";
import type { Anomaly } from "../../../model/anomaly.ts";
import { STEP_NAMES, type Failure, type StepName } from "../../../model/unit.ts";
import { runDirectory } from "../../../store/files/layout.ts";
import { mergeFacts, type UnitFacts } from "../facts.ts";
import { groupFindings, type Found } from "./group.ts";
import { goodRuns } from "../history/good-runs.ts";
import { factsIn, stepSeries, type RunSeries } from "../history/series.ts";
import { addValues, seriesOf } from "../history/windows.ts";
import { judgeStep } from "./step.ts";
import { rewrittenIn, type Rewritten } from "../rules/rewrite.ts";

export interface JudgedRun {
  readonly store: string;
  readonly run: string;
  readonly units: Iterable<UnitFacts>;
  readonly failures: readonly Failure[];
  readonly settings: AnomalySettings;
}

export interface Judgement {
  readonly anomalies: readonly Anomaly[];
  /** The figures of the run, by which those to come are judged. */
  readonly steps: RunSeries["steps"];
  /** The good runs that it was judged by, the newest first. */
  readonly good: readonly string[];
}

/** A step of the run and of the last good run before it. */
interface StepPair {
  readonly step: StepName;
  readonly now: ReadonlyMap<string, UnitFacts>;
  /** As recorded in that run's metadata; read where something of the step was built anew, or is missing. */
  readonly before: ReadonlyMap<string, UnitFacts>;
  readonly rewritten: Rewritten | undefined;
}

/** Judges a run that is about to be published. Nothing is found without a good run before it. */
export async function judgeRun({ store, run, units, failures, settings }: JudgedRun): Promise<Judgement> {
  const history = goodRuns(store, run);
  const { value: newest } = await history.next();
  const last = newest?.series;
  const pairs = pairSteps(store, units, last);
  const steps: RunSeries["steps"] = Object.fromEntries(
    pairs
      .filter(({ now }) => now.size > 0)
      .map(({ step, now, rewritten }) => [step, stepSeries(now, rewritten?.part ?? null)]),
  );
  if (newest === undefined || last === undefined) return { anomalies: [], steps, good: [] };
  const series = pairs.flatMap(({ step }) => {
    const own = steps[step];
    return own === undefined ? [] : seriesOf(step, own, !failures.some((failure) => failure.step === step));
  });
  const good = [last.run];
  addValues(series, newest);
  for await (const older of history) {
    good.push(older.series.run);
    addValues(series, older);
  }
  const found = pairs.flatMap((pair): Found[] => {
    const known = last.steps[pair.step];
    const own = series.filter(({ step }) => step === pair.step);
    return known === undefined ? [] : judgeStep({ ...pair, known, series: own, failures, settings });
  });
  return { anomalies: groupFindings(found), steps, good };
}

function pairSteps(store: string, units: Iterable<UnitFacts>, last: RunSeries | undefined): StepPair[] {
  const all = [...units];
  return STEP_NAMES.flatMap((step): StepPair[] => {
    const now = mergeFacts(all.filter((one) => one.step === step));
    const known = last?.steps[step];
    if (last === undefined || known === undefined)
      return now.size === 0 ? [] : [{ step, now, before: new Map(), rewritten: undefined }];
    const isSame =
      [...now.values()].every(({ builtIn }) => builtIn <= last.run) &&
      Object.keys(known.units).every((unit) => now.has(unit));
    if (isSame) return [{ step, now, before: new Map(), rewritten: { units: 0, part: 0 } }];
    const before = recorded(runDirectory(store, last.run), step);
    return [{ step, now, before, rewritten: rewrittenIn(now, before) }];
  });
}

/** Returns the facts in the metadata of a run; none if they cannot be read: that run may be gone. */
function recorded(directory: string, step: StepName): ReadonlyMap<string, UnitFacts> {
  try {
    return factsIn(directory, step);
  } catch {
    return new Map();
  }
}
