/** `verify`: verifies a run of a store. */
import path from "node:path";
import { colors as pc } from "../../report/colors.ts";
import { EXIT } from "../../errors.ts";
import { verify as verifyRun, type Check, type Verification } from "../../ops/verify/run.ts";
import { monitor } from "../../ops/monitor/job.ts";
import { concludeVerification } from "../../ops/monitor/proof.ts";
import { plural } from "../../report/format.ts";
import { phaseReport } from "../../report/phases.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { EVIDENCE, SWITCH, TEXT } from "../core/options.ts";
import { printJson, printProblems } from "../core/print-json.ts";
import { parseSample } from "../../ops/verify/inventory/sample.ts";
import { printWarning } from "../../report/warning.ts";
import { siteConfigOf } from "../core/site-config.ts";
import { storeOf } from "../core/store-path.ts";
import { showCheck } from "../core/check-report.ts";

export const verify = defineCommand({
  forms: ["--dest DIR"],
  description: "Verifies a run: counts, indexes, checksums, every archive, the dump.",
  positionals: {},
  options: {
    run: { ...TEXT, default: "latest", describe: "run to verify: an id, or latest" },
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
    evidence: EVIDENCE,
  },
  rules: {
    conflicts: [
      ["quick", "deep"],
      ["quick", "live"],
      ["quick", "sample"],
    ],
    requires: { scratch: ["deep"] },
  },
  async run(flags, frame) {
    const store = storeOf(flags);
    const sample = lastValue(flags.sample);
    const scratch = lastValue(flags.scratch);
    const evidence = lastValue(flags.evidence);
    const shown = !flags.json && !flags.quiet;
    const progress = phaseReport(flags, "results");
    progress.phase("verifying");
    const config = siteConfigOf(lastValue(flags.config), lastValue(flags.dest));
    const request = {
      store,
      run: lastValue(flags.run) ?? "latest",
      quick: flags.quick,
      deep: flags.deep,
      live: flags.live,
      scratch,
      evidence: evidence === undefined ? undefined : path.resolve(evidence),
      config,
      ...(sample === undefined ? {} : { sample: parseSample(sample) }),
    };
    const onCheck = (check: Check): void => void (shown && progress.say(showCheck(check)));
    const verification = await monitor(
      {
        job: "verify",
        config,
        dest: store,
        signal: frame.signal,
        conclude: (done, site) => concludeVerification(site, done, exitOf(done)),
        onWarning: printWarning,
      },
      async () => await verifyRun(request, { ...frame, onCheck, onBytes: progress.bytes }).finally(progress.end),
    );
    verification.notes.forEach(printWarning);
    if (flags.json) {
      const { checks, ...rest } = verification;
      const error_count = printProblems("verify", checks);
      printJson({ message_type: "summary", ...rest, error_count, checks });
    } else if (shown || !verification.ok) process.stdout.write(`${conclusion(verification)}\n`);
    return exitOf(verification);
  },
});

const exitOf = ({ ok }: Verification): number => (ok ? EXIT.ok : EXIT.verification);

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
