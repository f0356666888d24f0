/** `anomaly list`: shows how runs differ from the history of the site. */
import { anomaliesIn } from "../../api/anomalies.ts";
import { EXIT } from "../../errors.ts";
import { describeAnomaly } from "../../ops/anomalies/describe.ts";
import type { ListedAnomaly } from "../../ops/anomalies/review/list.ts";
import { colors as pc } from "../../report/colors.ts";
import { printable } from "../../report/printable.ts";
import { defineCommand } from "../core/command.ts";
import { printJson } from "../core/print-json.ts";
import { storeOf } from "../core/store-path.ts";

export const listCommand = defineCommand({
  forms: ["[RUN] --dest DIR"],
  description: "Lists the anomalies of all runs, the newest first, or of one: an id, latest or last.",
  positionals: { run: { type: "string", describe: "an id, latest or last; all runs when absent" } },
  options: {},
  async run(flags) {
    const listing = await anomaliesIn(storeOf(flags), { run: flags.run });
    if (flags.json) printJson({ message_type: "summary", ...listing });
    else if (!flags.quiet) {
      for (const anomaly of listing.anomalies) process.stdout.write(`${printable(line(anomaly))}\n`);
      process.stdout.write(`last good run: ${listing.last_good ?? "none"}\n`);
    }
    return EXIT.ok;
  },
});

function line(anomaly: ListedAnomaly): string {
  const { run, level, accepted } = anomaly;
  const text = `${run}  ${describeAnomaly(anomaly)}`;
  if (accepted !== null)
    return `${text}  ${pc.dim(`accepted ${accepted.at.slice(0, 10)} by ${accepted.by}: ${accepted.reason}`)}`;
  return level === "alarm" ? `${text}  ${pc.red("open")}` : text;
}
