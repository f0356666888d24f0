/** `verify`: verifies a run of a store. */
import path from "node:path";
import { colors as pc } from "../../report/colors.ts";
import { EXIT } from "../../errors.ts";
import { verify, type Verification } from "../../ops/verify/run.ts";
import { plural } from "../../report/format.ts";
import { phaseReport } from "../../report/phases.ts";
import { printable } from "../../report/printable.ts";
import { commandLine, lastValue } from "../core/arguments.ts";
import type { FlagRules } from "../core/flag-rules.ts";
import { parseSample } from "../../ops/verify/inventory/sample.ts";
import { siteConfigOf } from "../core/site-config.ts";
import { storeCommand } from "../core/store-command.ts";
import { showCheck } from "../core/check-report.ts";

const RULES: FlagRules = {
  conflicts: [
    ["quick", "deep"],
    ["quick", "live"],
    ["quick", "sample"],
  ],
  requires: { scratch: ["deep"] },
};

export async function verifyCommand(): Promise<void> {
  await storeCommand(
    (argv) =>
      commandLine(
        "verify",
        "$0 --dest DIR\n\nVerifies a run: counts, indexes, checksums, every archive, the dump.",
        RULES,
      )
        .option("run", {
          type: "string",
          default: "latest",
          describe: "run to verify: an id, or latest",
          requiresArg: true,
        })
        .option("quick", {
          type: "boolean",
          default: false,
          describe: "check indexes, sizes and counts only; read no artifact",
        })
        .option("sample", {
          type: "string",
          describe: "n/t: read only the n-th of t parts; 1/t to t/t read everything once",
          requiresArg: true,
        })
        .option("deep", {
          type: "boolean",
          default: false,
          describe: "also restore each dump into a scratch database, and open compiled texts in Chromium",
        })
        .option("live", {
          type: "boolean",
          default: false,
          describe: "also compare with the current site: changes are listed, damage fails; needs --config",
        })
        .option("scratch", {
          type: "string",
          describe: "with --deep: URL of a server for scratch databases (default: a private server)",
          requiresArg: true,
        })
        .option("evidence", {
          type: "string",
          describe:
            "directory for the evidence (default: the store, or this host's state directory if that is read-only)",
          requiresArg: true,
        })
        .parseSync([...argv]),
    async (flags, store, frame) => {
      const sample = lastValue(flags.sample);
      const scratch = lastValue(flags.scratch);
      const evidence = lastValue(flags.evidence);
      const shown = !flags.json && !flags.quiet;
      const progress = phaseReport(flags, "results");
      progress.phase("verifying");
      const verification = await verify(
        {
          store,
          run: lastValue(flags.run) ?? "latest",
          quick: flags.quick,
          deep: flags.deep,
          live: flags.live,
          scratch,
          evidence: evidence === undefined ? undefined : path.resolve(evidence),
          config: siteConfigOf(lastValue(flags.config), lastValue(flags.dest)),
          ...(sample === undefined ? {} : { sample: parseSample(sample) }),
        },
        { ...frame, onCheck: (check) => void (shown && progress.say(showCheck(check))), onBytes: progress.bytes },
      ).finally(progress.end);
      for (const note of verification.notes) process.stderr.write(`${pc.yellow("warning:")} ${printable(note)}\n`);
      if (flags.json) process.stdout.write(jsonLines(verification));
      else if (shown || !verification.ok) process.stdout.write(`${conclusion(verification)}\n`);
      return verification.ok ? EXIT.ok : EXIT.verification;
    },
  );
}

function conclusion({ run, ok, quick, sample, checks }: Verification): string {
  const failed = checks.filter((check) => !check.ok);
  const unproved = checks.filter((check) => check.state === "not proved").length;
  const all = plural(checks.length, "check");
  if (!ok) {
    const titles = failed.map((check) => check.title).join(", ");
    return `${pc.red("✗")} the run ${run} failed ${failed.length} of ${all}: ${titles}`;
  }
  const rest = unproved === 0 ? "" : `, ${unproved} not proved`;
  const part = sample === null ? "" : ` (part ${sample} was read)`;
  const extent = quick ? " (quick: no artifact was read)" : part;
  return `${pc.green("✓")} the run ${run} is as recorded: ${all}${rest}${extent}`;
}

/** Returns a JSON line for each problem, then the summary. */
function jsonLines({ checks, ...rest }: Verification): string {
  const errors = checks.flatMap((check) =>
    check.problems.map(({ path: item, message }) => ({
      message_type: "error",
      error: { message },
      during: "verify",
      item,
      check: check.id,
    })),
  );
  const summary = { message_type: "summary", ...rest, error_count: errors.length, checks };
  return [...errors, summary].map((line) => `${JSON.stringify(line)}\n`).join("");
}
