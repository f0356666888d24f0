/** Concludes a backup: what alerts and pings say of it. */
import path from "node:path";
import type { Anomaly } from "../../model/anomaly.ts";
import type { ManifestHead } from "../../model/run.ts";
import type { Failure } from "../../model/unit.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { printable } from "../../report/printable.ts";
import { redact } from "../../report/redact.ts";
import { readManifestHead } from "../../store/run/manifest.ts";
import { openAnomalies } from "../anomalies/accepted.ts";
import type { Published } from "../backup/request.ts";
import type { News } from "../alerts/report.ts";
import { describeLoss } from "../runs/losses.ts";
import { causeOf } from "./cause.ts";
import type { Conclusion } from "./job.ts";

/** The failures, and the warnings, that a message names. */
const SHOWN = 20;

/** Concludes a backup that was published, with the exit status of its command. */
export function concludeBackup(site: string, outcome: Published, exit: number): Conclusion {
  const { run, path: directory, scope, totals, status, afterFailed } = outcome;
  const head = directory === null ? undefined : readManifestHead(directory);
  const failures = outcome.failures.filter(({ severity }) => severity === "failed");
  const losses = (head?.losses ?? []).map(describeLoss);
  const isBad = status === "partial" || afterFailed || losses.length > 0;
  const counts = `${plural(totals.units, "unit")}, ${totals.failed} failed, ${formatBytes(totals.size_bytes)}`;
  const title = `${site}: the backup ${run} is ${status}: ${counts}`;
  const lines = [
    ...failures.slice(0, SHOWN).flatMap(describeFailure),
    ...more(failures.length),
    ...losses.map((loss) => `${loss}: the run does not become latest`),
    ...(afterFailed ? ["what follows the publication failed: see standard error of the command"] : []),
    ...outcome.warnings.slice(0, SHOWN).map((text) => `warning: ${text}`),
    ...more(outcome.warnings.length),
    ...(outcome.uncovered.length === 0 ? [] : [`no step covers ${plural(outcome.uncovered.length, "path")}`]),
    ...(directory === null ? [] : [directory]),
    `exit status ${exit}`,
  ];
  const text = redact(lines.map(printable).join("\n"));
  const identities = [
    ...failures.map(({ step, unit, code }) => `${step}/${unit ?? ""} ${code}`),
    ...losses,
    ...(afterFailed ? ["after"] : []),
  ];
  const anomalies =
    head === undefined || directory === null ? [] : anomalyNews(site, head, path.join(directory, "../.."));
  const news: News[] = isBad
    ? [{ event: "failure", subject: "backup", cause: causeOf("backup", identities), title, text, run }]
    : [{ event: "success", subject: null, cause: `backup ${run}`, title, text, run }];
  const isGood = !isBad && scope === "full" && anomalies.every(({ subject }) => subject === null);
  return { exit, title, text, news: [...news, ...anomalies], settled: isGood ? ["backup", "missed"] : [] };
}

const more = (count: number): string[] => (count > SHOWN ? [`… and ${count - SHOWN} more`] : []);

const describeFailure = ({ step, unit, message, code, hint }: Failure): string[] => [
  `failed ${unit === null ? step : `${step}/${unit}`}: ${message} [${code}]`,
  `  hint: ${hint}`,
];

/** Returns one message for all anomalies of a run; a notice alone is no failure. */
function anomalyNews(site: string, head: ManifestHead, store: string): News[] {
  const { run, anomalies } = head;
  if (anomalies.length === 0) return [];
  const alarms = openAnomalies(store, head);
  const shown = [...alarms, ...anomalies.filter(({ level }) => level === "notice")];
  if (shown.length === 0) return [];
  const title = `${site}: the backup ${run} has ${plural(shown.length, "anomaly", "anomalies")}`;
  const lines = shown.slice(0, SHOWN).map(describeAnomaly);
  const text = [...lines, ...more(shown.length)].map(printable).join("\n");
  const cause = causeOf(
    "anomaly",
    shown.map(({ code, step, unit, table }) => [code, step, unit, table].join(" ")),
  );
  return [{ event: "anomaly", subject: alarms.length > 0 ? "backup" : null, cause, title, text, run }];
}

function describeAnomaly({ level, code, step, unit, table, was, now, rule }: Anomaly): string {
  const place = [step, unit, table].filter((part) => part !== null).join("/");
  const values = was === null && now === null ? "" : ` (was ${was ?? "nothing"}, is ${now ?? "nothing"})`;
  return `${level} ${code} ${place}${values}: ${rule}`;
}
