/** `health`: checks whether the site works and is backed up. */
import path from "node:path";
import { EXIT, HoldfastError } from "../../errors.ts";
import { checkHealth, type Health } from "../../ops/health/run.ts";
import { colors as pc } from "../../report/colors.ts";
import { plural } from "../../report/format.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { NUMBER } from "../core/options.ts";
import { printJson, printProblems } from "../core/print-json.ts";
import { requireSiteConfig } from "../core/site-config.ts";
import { showCheck } from "../core/check-report.ts";

export const health = defineCommand({
  forms: ["--config FILE"],
  description:
    "Checks whether the site works and is backed up: database, projects, disks, the newest run, the smoke command.",
  positionals: {},
  options: {
    "max-age": { ...NUMBER, default: 26, describe: "maximum age of the newest run, in hours" },
  },
  async run(flags, { signal }) {
    const maxAge = lastValue(flags["max-age"]);
    if (maxAge === undefined || !(maxAge > 0)) throw new HoldfastError("E_USAGE", "--max-age takes a number of hours");
    const config = requireSiteConfig(lastValue(flags.config));
    const dest = lastValue(flags.dest);
    const store = dest === undefined ? config.dest : path.resolve(dest);
    const shown = !flags.json && !flags.quiet;
    const found = await checkHealth(
      { config, store, maxAge },
      { signal, onCheck: (check) => void (shown && process.stdout.write(`${showCheck(check)}\n`)) },
    );
    const { site, ok, checks } = found;
    if (flags.json) {
      const error_count = printProblems("health", checks);
      printJson({ message_type: "summary", site, ok, error_count, checks });
    } else if (shown || !ok) process.stdout.write(`${conclusion(found)}\n`);
    return ok ? EXIT.ok : EXIT.verification;
  },
});

function conclusion({ site, ok, checks }: Health): string {
  const failed = checks.filter((check) => !check.ok).map(({ title }) => title);
  const unproved = checks.filter(({ state }) => state === "not proved").length;
  if (!ok) return `${pc.red("✗")} ${site} is not healthy: ${failed.join(", ")}`;
  const rest = unproved > 0 ? `, ${unproved} not proved` : "";
  return `${pc.green("✓")} ${site} is healthy: ${plural(checks.length, "check")}${rest}`;
}
