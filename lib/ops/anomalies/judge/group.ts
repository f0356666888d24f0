/** Puts many findings of one kind together, so that a cause is one anomaly and not three hundred. */
import type { Anomaly } from "../../../model/anomaly.ts";
import type { StepName } from "../../../model/unit.ts";
import { plural } from "../../../report/format.ts";
import type { Finding } from "../rules/finding.ts";
import { firstOf } from "../rules/units.ts";

/** A finding of a step, a unit or a table. */
export interface Found extends Finding {
  readonly step: StepName;
  readonly unit: string | null;
  readonly table: string | null;
}

/** Findings of one code about the units of a step, or about the tables of a unit, that are listed each by itself. */
const LISTED = 10;

/** Returns the anomalies of a run, alarms first. */
export function groupFindings(all: readonly Found[]): Anomaly[] {
  const groups = new Map<string, Found[]>();
  for (const found of all) {
    const { level, code, step, unit, table } = found;
    const key = JSON.stringify([level, code, step, table === null ? unit === null : unit, table === null]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [found]);
    else group.push(found);
  }
  return [...groups.values()]
    .flatMap((group) => (group.length > LISTED ? [together(group)] : group.map(toAnomaly)))
    .toSorted((a, b) => Number(a.level === "notice") - Number(b.level === "notice"));
}

const toAnomaly = ({ level, code, step, unit, table, was, now, rule }: Found): Anomaly => ({
  level,
  code,
  step,
  unit,
  table,
  was,
  now,
  rule,
});

/** Returns one anomaly for many: of the step, or of the unit whose tables they are. */
function together(group: readonly Found[]): Anomaly {
  const [first] = group;
  if (first === undefined) throw new RangeError("a group has at least one finding");
  const ofTables = first.table !== null;
  const names = [...new Set(group.map(({ unit, table }) => table ?? unit ?? ""))];
  const rule = `${plural(names.length, ofTables ? "table" : "unit")}: ${firstOf(names)}; the first: ${first.rule}`;
  return { ...toAnomaly(first), unit: ofTables ? first.unit : null, table: null, was: null, now: names.length, rule };
}
