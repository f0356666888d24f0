/** Monitors a command: pings, alerts and metrics around its work. None of them changes its result or exit status. */
import { randomUUID } from "node:crypto";
import type { SiteConfig } from "../../config/load.ts";
import { asHoldfastError, EXIT, type HoldfastError } from "../../errors.ts";
import { redact } from "../../report/redact.ts";
import type { Job } from "../alerts/core/alert.ts";
import { report, startPings, type Findings, type News } from "../alerts/report.ts";
import { writeMetrics } from "../metrics/write.ts";

/** The time that the metrics may take. */
const METRICS_MS = 30_000;

/** How a command ended. */
export interface Conclusion extends Pick<Findings, "news" | "settled"> {
  readonly exit: number;
  readonly title: string;
  readonly text: string;
}

export interface Monitored<T> {
  readonly job: Exclude<Job, "watch">;
  /** Without a config nothing is monitored. */
  readonly config: SiteConfig | undefined;
  readonly dest: string | undefined;
  /** The command's own signal, whose reason is the error of a command that was interrupted. */
  readonly signal: AbortSignal;
  readonly conclude: (result: T, site: string) => Conclusion;
  readonly onWarning: (text: string) => void;
}

/** Runs `work` and reports how it ended; returns or throws what it does. */
export async function monitor<T>(about: Monitored<T>, work: () => Promise<T>): Promise<T> {
  const { job, config, signal } = about;
  if (config === undefined) return await work();
  const id = randomUUID();
  // The work does not wait for a monitor.
  const started = startPings(config, { job, id, state: "start", text: "" });
  const end = async (conclusion: Conclusion): Promise<void> => {
    const { exit, title, text, news, settled } = conclusion;
    const ping = { job, id, state: exit, text: text === "" ? title : `${title}\n\n${text}` };
    const warnings = await report(config, { news, settled, ping, started });
    if (about.dest !== undefined)
      warnings.push(...(await writeMetrics(config, about.dest, AbortSignal.timeout(METRICS_MS))));
    for (const warning of new Set(warnings)) about.onWarning(warning);
  };
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await end(failed(config, job, asHoldfastError(signal.aborted ? signal.reason : error)));
    throw error;
  }
  try {
    await end(about.conclude(result, config.site));
  } catch (error) {
    about.onWarning(`the end of the ${job} could not be reported: ${asHoldfastError(error).message}`);
  }
  return result;
}

/** Concludes a command that ended with an error: nothing was published. */
function failed({ site }: SiteConfig, job: Exclude<Job, "watch">, error: HoldfastError): Conclusion {
  const exit = error.exitCode === EXIT.partial ? EXIT.failed : error.exitCode;
  const title = `${site}: the ${job} failed (${error.code})`;
  const text = redact(`${error.message}\nhint: ${error.hint}\nexit status ${exit}`);
  const event = job === "drill" ? "drill_failed" : "failure";
  const news: News = { event, subject: job, cause: `${job} ${error.code}`, title, text, run: null };
  return { exit, title, text, news: [news], settled: [] };
}
