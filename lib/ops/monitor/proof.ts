/** Concludes drills and verifications: what alerts and pings say of them. */
import { EXIT } from "../../errors.ts";
import { formatDuration } from "../../report/format.ts";
import { printable } from "../../report/printable.ts";
import type { Problem, Verification } from "../checks/check.ts";
import type { DrillOutcome } from "../drill/run.ts";
import type { News } from "../alerts/report.ts";
import { causeOf } from "./cause.ts";
import type { Conclusion } from "./job.ts";

/** The problems of a check that a message names. */
const SHOWN = 5;

/** Concludes a drill, with the exit status of its command. */
export function concludeDrill(site: string, { drills, ok, restorable }: DrillOutcome, exit: number): Conclusion {
  const lines = drills.flatMap(({ run, ok: isRestored, rto_ms, checks, not_proved }) => [
    `${run}: ${isRestored ? `restored in ${formatDuration(rto_ms)}` : "cannot be restored"}`,
    ...checks.filter(({ state }) => state === "failed").flatMap(describeCheck),
    ...(not_proved.length === 0 ? [] : [`  not proved: ${not_proved.join(", ")}`]),
  ]);
  if (restorable !== undefined)
    lines.push(restorable === null ? "no earlier run can be restored" : `the newest run that can be: ${restorable}`);
  const run = drills[0]?.run ?? null;
  const title = `${site}: the drill ${exit === EXIT.ok ? "restored" : "failed for"} ${run ?? "no run"}`;
  const text = textOf(lines, exit);
  const failed = drills.flatMap(({ checks }) => checks.filter(({ state }) => state === "failed").map(({ id }) => id));
  const cause = causeOf("drill", failed);
  const news: News =
    exit === EXIT.ok
      ? { event: "success", subject: null, cause: `drill ${run}`, title, text, run }
      : { event: "drill_failed", subject: "drill", cause, title, text, run };
  return { exit, title, text, news: [news], settled: ok && exit === EXIT.ok ? ["drill", "proof"] : [] };
}

/** Concludes a verification. What is settled is proved by one that has read all of the run. */
export function concludeVerification(site: string, verification: Verification, exit: number): Conclusion {
  const { run, ok, quick, deep, sample, checks } = verification;
  const failed = checks.filter((check) => !check.ok);
  const title = `${site}: the verification of ${run} ${ok ? "succeeded" : "failed"}`;
  const text = textOf(failed.flatMap(describeCheck), exit);
  const cause = causeOf(
    "verify",
    failed.map(({ id }) => id),
  );
  const news: News = ok
    ? { event: "success", subject: null, cause: `verify ${run}`, title, text, run }
    : { event: "failure", subject: "verify", cause, title, text, run };
  const isWhole = ok && !quick && sample === null;
  const settled = isWhole ? (["verify", ...(deep ? (["proof"] as const) : [])] as const) : [];
  return { exit, title, text, news: [news], settled };
}

const textOf = (lines: readonly string[], exit: number): string =>
  [...lines, `exit status ${exit}`].map(printable).join("\n");

const describeCheck = ({ title, problems }: { title: string; problems: readonly Problem[] }): string[] => [
  `  failed: ${title}`,
  ...problems.slice(0, SHOWN).map(({ path, message }) => `    ${path}: ${message}`),
  ...(problems.length > SHOWN ? [`    … and ${problems.length - SHOWN} more`] : []),
];
