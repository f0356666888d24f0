/** `verify`: verifies a run of a store. */
import { colors as pc } from "../../report/colors.ts";
import { exitOfVerification, VERIFY_DEFAULTS, verifyRun, verifySummary } from "../../api/verify.ts";
import type { Check, Verification } from "../../ops/verify/run.ts";
import { plural } from "../../report/format.ts";
import { phaseReport } from "../../report/phases.ts";
import { allValues, lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { ALLOWED_SIGNERS, EVIDENCE, IDENTITY, SWITCH, TEXT } from "../core/options.ts";
import { printJson, printProblems } from "../core/print-json.ts";
import { printWarning } from "../../report/warning.ts";
import { siteConfigOf } from "../core/site-config.ts";
import { FROM, withStore } from "../core/from.ts";
import { pathOf } from "../core/store-path.ts";
import { showCheck } from "../core/check-report.ts";

export const verify = defineCommand({
  forms: ["--dest DIR"],
  description: "Verifies a run: counts, indexes, checksums, every archive, the dump.",
  positionals: {},
  options: {
    run: { ...TEXT, default: VERIFY_DEFAULTS.run, describe: "run to verify: an id, or latest" },
    quick: { ...SWITCH, describe: "check indexes, sizes and counts only; read no artifact" },
    sample: { ...TEXT, describe: "n/t: read only the n-th of t parts; 1/t to t/t read everything once" },
    deep: {
      ...SWITCH,
      describe: "also restore each dump into a scratch database, and open compiled texts in Chromium",
    },
    live: {
      ...SWITCH,
      describe: "also compare with the current site: changes are listed, damage fails; needs --config",
    },
    scratch: {
      ...TEXT,
      describe: "with --deep: URL of a server for scratch databases (default: a private server)",
    },
    identity: IDENTITY,
    from: FROM,
    evidence: EVIDENCE,
    "allowed-signers": ALLOWED_SIGNERS,
  },
  rules: {
    conflicts: [
      ["from", "dest"],
      ["quick", "deep"],
      ["quick", "live"],
      ["quick", "sample"],
    ],
    requires: { scratch: ["deep"] },
  },
  async run(flags, frame) {
    return await withStore(flags, frame, async ({ store, content }) => {
      const shown = !flags.json && !flags.quiet;
      const progress = phaseReport(flags, "results");
      progress.phase("verifying");
      const config = siteConfigOf(lastValue(flags.config), lastValue(flags.dest));
      const { quick, deep, live } = flags;
      const [run, sample, scratch, evidence] = [flags.run, flags.sample, flags.scratch, flags.evidence].map(lastValue);
      const onCheck = (check: Check): void => void (shown && progress.say(showCheck(check)));
      const verification = await verifyRun(
        { store, config, content },
        {
          run,
          sample,
          quick,
          deep,
          live,
          scratch,
          evidence,
          identities: allValues(flags.identity),
          allowedSigners: pathOf(flags["allowed-signers"]),
        },
        {
          signal: frame.signal,
          onCheck,
          onBytes: progress.bytes,
          onWarning: (text) => {
            progress.end();
            printWarning(text);
          },
        },
      ).finally(progress.end);
      verification.notes.forEach(printWarning);
      if (flags.json) {
        printProblems("verify", verification.checks);
        printJson({ message_type: "summary", ...verifySummary(verification) });
      } else if (shown || !verification.ok) process.stdout.write(`${conclusion(verification)}\n`);
      return exitOfVerification(verification);
    });
  },
});

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
