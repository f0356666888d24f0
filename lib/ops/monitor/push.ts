/** Concludes a push: what alerts and pings say of it. */
import { EXIT } from "../../errors.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { printable } from "../../report/printable.ts";
import type { PushOutcome } from "../push/run.ts";
import type { Conclusion } from "./job.ts";

/** Concludes a push that succeeded; one that fails ends with an error. */
export function concludePush(site: string, { target, address, runs }: PushOutcome): Conclusion {
  const sent = runs.reduce((sum, { sent_bytes }) => sum + sent_bytes, 0);
  const title = `${site}: ${plural(runs.length, "run")} pushed to ${target}`;
  const lines = [...runs.map(({ run, sent_bytes }) => `${run}: ${formatBytes(sent_bytes)} sent`), address];
  const text = [...lines, `exit status ${EXIT.ok}`].map(printable).join("\n");
  const run = runs.at(-1)?.run ?? null;
  const cause = `push ${target} ${run ?? ""} ${formatBytes(sent)}`;
  return {
    exit: EXIT.ok,
    title,
    text,
    news: [{ event: "success", subject: null, cause, title, text, run }],
    settled: ["push"],
  };
}
