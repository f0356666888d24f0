/** `health`: checks whether the site works and is backed up. */
import path from "node:path";
import { HEALTH_DEFAULTS, healthOf } from "../../api/health.ts";
import { EXIT } from "../../errors.ts";
import type { Health } from "../../ops/health/run.ts";
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
    "max-age": { ...NUMBER, default: HEALTH_DEFAULTS.maxAge, describe: "maximum age of the newest run, in hours" },
  },
  async run(flags, { signal }) {
    const config = requireSiteConfig(lastValue(flags.config));
    const dest = lastValue(flags.dest);
    const shown = !flags.json && !flags.quiet;
    const found = await healthOf(
      { config, store: dest === undefined ? undefined : path.resolve(dest) },
      { maxAge: lastValue(flags["max-age"]) },
      { signal, onCheck: (check) => void (shown && process.stdout.write(`${showCheck(check)}\n`)) },
    );
    const { ok, checks } = found;
    if (flags.json) {
      printProblems("health", checks);
      printJson({ message_type: "summary", ...found });
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
