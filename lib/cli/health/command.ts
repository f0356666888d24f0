/** `health`: checks whether the site works and is backed up. */
import path from "node:path";
import { EXIT, HoldfastError } from "../../errors.ts";
import { checkHealth, type Health } from "../../ops/health/run.ts";
import { colors as pc } from "../../report/colors.ts";
import { plural } from "../../report/format.ts";
import { commandLine, lastValue } from "../core/arguments.ts";
import { runCommandFrame } from "../core/run-command.ts";
import { requireSiteConfig } from "../core/site-config.ts";
import { showCheck } from "../core/check-report.ts";

export async function healthCommand(): Promise<void> {
  const argv = process.argv.slice(2);
  const output = {
    json: argv.includes("--json"),
    quiet: argv.includes("--quiet"),
    verbose: argv.includes("--verbose"),
  };
  await runCommandFrame(output, async ({ signal }) => {
    const flags = commandLine(
      "health",
      "$0 --config FILE\n\nChecks whether the site works and is backed up: database, projects, disks, " +
        "the newest run, the smoke command.",
    )
      .option("max-age", {
        type: "number",
        default: 26,
        describe: "maximum age of the newest run, in hours",
        requiresArg: true,
      })
      .parseSync(argv);
    const maxAge = lastValue(flags.maxAge);
    if (maxAge === undefined || !(maxAge > 0)) throw new HoldfastError("E_USAGE", "--max-age takes a number of hours");
    const config = requireSiteConfig(lastValue(flags.config));
    const dest = lastValue(flags.dest);
    const store = dest === undefined ? config.dest : path.resolve(dest);
    const shown = !flags.json && !flags.quiet;
    const health = await checkHealth(
      { config, store, maxAge },
      { signal, onCheck: (check) => void (shown && process.stdout.write(`${showCheck(check)}\n`)) },
    );
    if (flags.json) process.stdout.write(jsonLines(health));
    else if (shown || !health.ok) process.stdout.write(`${conclusion(health)}\n`);
    return health.ok ? EXIT.ok : EXIT.verification;
  });
}

function conclusion({ site, ok, checks }: Health): string {
  const failed = checks.filter((check) => !check.ok).map(({ title }) => title);
  const unproved = checks.filter(({ state }) => state === "not proved").length;
  if (!ok) return `${pc.red("✗")} ${site} is not healthy: ${failed.join(", ")}`;
  const rest = unproved > 0 ? `, ${unproved} not proved` : "";
  return `${pc.green("✓")} ${site} is healthy: ${plural(checks.length, "check")}${rest}`;
}

/** Returns a JSON line for each problem, then the summary. */
function jsonLines({ site, ok, checks }: Health): string {
  const errors = checks.flatMap(({ id, problems }) =>
    problems.map(({ path: item, message }) => ({
      message_type: "error",
      error: { message },
      during: "health",
      item,
      check: id,
    })),
  );
  const summary = { message_type: "summary", site, ok, error_count: errors.length, checks };
  return [...errors, summary].map((line) => `${JSON.stringify(line)}\n`).join("");
}
