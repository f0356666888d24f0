/** `anomaly accept`: lets a run count as good although it differs from the history of the site. */
import { acceptIn } from "../../api/anomalies.ts";
import { EXIT } from "../../errors.ts";
import { describeAnomaly } from "../../ops/anomalies/describe.ts";
import { colors as pc } from "../../report/colors.ts";
import { plural } from "../../report/format.ts";
import { printable } from "../../report/printable.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { BREAK_LOCK, SWITCH, TEXT } from "../core/options.ts";
import { printJson } from "../core/print-json.ts";
import { siteStoreOf } from "../core/store-path.ts";

export const acceptCommand = defineCommand({
  forms: ["RUN --code CODE --reason TEXT --dest DIR"],
  description:
    "Accepts anomalies of a run: without an open alarm it counts as good, and the series begin anew with it.",
  positionals: { run: { type: "string", demandOption: true, describe: "the id of the run, latest or last" } },
  missing: "list the anomalies with npx tsx scripts/anomaly.ts list",
  options: {
    code: { ...TEXT, demandOption: true, describe: "code of the anomalies, such as shrank" },
    step: { ...TEXT, describe: "accept those of this step only" },
    unit: { ...TEXT, describe: "accept those of this unit only" },
    table: { ...TEXT, describe: "accept those of this table only" },
    reason: { ...TEXT, demandOption: true, describe: "why they are as they should be" },
    "dry-run": { ...SWITCH, describe: "show what would be accepted; change nothing" },
    "break-lock": BREAK_LOCK,
  },
  async run(flags, frame) {
    const outcome = await acceptIn(
      await siteStoreOf(flags),
      {
        run: flags.run,
        code: lastValue(flags.code) ?? "",
        step: lastValue(flags.step),
        unit: lastValue(flags.unit),
        table: lastValue(flags.table),
        reason: lastValue(flags.reason) ?? "",
        dryRun: flags["dry-run"],
        breakLock: flags["break-lock"],
      },
      frame,
    );
    if (flags.json) printJson({ message_type: "summary", ...outcome });
    else if (!flags.quiet) {
      const { run, accepted, open, last_good, dry_run } = outcome;
      for (const anomaly of accepted) process.stdout.write(`${printable(describeAnomaly(anomaly))}\n`);
      const what = `${plural(accepted.length, "anomaly", "anomalies")} of ${run}`;
      const rest = `${plural(open.length, "alarm")} left open; last good run: ${last_good ?? "none"}`;
      process.stdout.write(
        dry_run ? `would accept ${what}; nothing was changed\n` : `${pc.green("✓")} accepted ${what}, ${rest}\n`,
      );
    }
    return EXIT.ok;
  },
});
