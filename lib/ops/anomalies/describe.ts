/** Anomalies as text. */
import type { Anomaly } from "../../model/anomaly.ts";
import { plural } from "../../report/format.ts";

/** Returns what an anomaly is about: `db/clara auth_user`, `trees/images`, `source_exports`. */
export const subjectOf = ({ step, unit, table }: Pick<Anomaly, "step" | "unit" | "table">): string =>
  `${step}${unit === null ? "" : `/${unit}`}${table === null ? "" : ` ${table}`}`;

/** Returns an anomaly on one line, with its figures. */
export function describeAnomaly(anomaly: Anomaly): string {
  const { level, code, was, now, rule } = anomaly;
  const figures = was === null && now === null ? "" : ` ${figure(was)} → ${figure(now)}`;
  return `${level} ${code} ${subjectOf(anomaly)}${figures}: ${rule}`;
}

const figure = (value: number | null): string => value?.toLocaleString("en", { maximumFractionDigits: 3 }) ?? "–";

/** Returns one sentence for all anomalies of a run. */
export function summarize(run: string, anomalies: readonly Anomaly[]): string {
  const alarms = anomalies.filter(({ level }) => level === "alarm");
  const notices = anomalies.length - alarms.length;
  const kinds = [...new Set(anomalies.map((one) => `${one.code} ${one.step}`))].join(", ");
  const counts = [
    ...(alarms.length > 0 ? [plural(alarms.length, "alarm")] : []),
    ...(notices > 0 ? [plural(notices, "notice")] : []),
  ].join(" and ");
  const effect =
    alarms.length > 0
      ? `; last_good stays as it is until they are accepted: npx tsx scripts/anomaly.ts list ${run} shows them`
      : "";
  return `the run ${run} differs from the history of the site, ${counts} (${kinds})${effect}`;
}
