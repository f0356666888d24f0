/** `push`: copies runs to a target off-site, probes it, and verifies what it holds. */
import path from "node:path";
import { exitOfTarget, probeTarget, pushRuns, verifyOnTarget } from "../../api/push.ts";
import type { SiteConfig } from "../../config/load.ts";
import { EXIT, HoldfastError } from "../../errors.ts";
import { colors as pc } from "../../report/colors.ts";
import { phaseReport } from "../../report/phases.ts";
import { printWarning } from "../../report/warning.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { SWITCH, TEXT } from "../core/options.ts";
import { printJson } from "../core/print-json.ts";
import { requireSiteConfig } from "../core/site-config.ts";
import { showProbe, showPush, showTargetCheck, showVerification } from "./report.ts";

export const pushCommand = defineCommand({
  forms: ["[RUN] --target NAME", "--all --target NAME", "--verify [RUN] --target NAME", "--probe NAME"],
  description:
    "Copies runs to a target of the config, and sends nothing twice. With --probe, finds out what the target allows and " +
    "enforces; with --verify, compares what it holds with the store.",
  positionals: { run: { type: "string", describe: "an id, latest or last (default: latest)" } },
  options: {
    target: { ...TEXT, describe: "name of the target in the config" },
    all: { ...SWITCH, describe: "every run that the target does not have; with --verify: every run there" },
    "dry-run": { ...SWITCH, describe: "show what would be sent; ask and send nothing" },
    verify: { ...SWITCH, describe: "compare runs on the target with what was recorded" },
    sample: { ...TEXT, describe: "n/t: read back only the n-th of t parts (default: each day another of 30)" },
    probe: { ...TEXT, describe: "try what this target allows and enforces, and record it" },
  },
  rules: {
    modes: { probe: [], verify: ["target", "all", "sample"] },
    requires: { sample: ["verify"] },
  },
  async run(flags, frame) {
    const config = requireSiteConfig(lastValue(flags.config));
    const site = { store: storeOf(lastValue(flags.dest), config), config };
    const shown = !flags.json && !flags.quiet;
    const progress = phaseReport(flags, "results");
    const hooks = {
      signal: frame.signal,
      onWarning: (text: string): void => {
        progress.end();
        printWarning(text);
      },
    };
    const print = (summary: object, text: string, isBad = false): void => {
      if (flags.json) printJson({ message_type: "summary", ...summary });
      else if (shown || isBad) process.stdout.write(`${text}\n`);
    };
    const probed = lastValue(flags.probe);
    if (probed !== undefined) {
      if (flags.run !== undefined) throw new HoldfastError("E_USAGE", `unexpected argument: ${flags.run}`);
      progress.phase("probing");
      const found = await probeTarget(site, { target: probed }, hooks).finally(progress.end);
      print(found, showProbe(found));
      found.weakened.forEach((text) => printWarning(`${found.address}: ${text}`));
      return found.weakened.length === 0 ? EXIT.ok : EXIT.verification;
    }
    const target = lastValue(flags.target);
    if (target === undefined)
      throw new HoldfastError("E_USAGE", "no target is given", { hint: `add --target NAME: ${namesOf(config)}` });
    if (flags.run !== undefined && flags.all)
      throw new HoldfastError("E_USAGE", "a run and --all exclude each other", { hint: "omit one of them" });
    const which = { target, run: flags.run, all: flags.all };
    let total = 0;
    const onBytes = (done: number): void => progress.bytes(done, Math.max(total, done));
    if (flags.verify) {
      progress.phase("verifying");
      const onCheck = (check: Parameters<typeof showTargetCheck>[0]): void =>
        void (shown && progress.say(showTargetCheck(check)));
      const options = { ...which, sample: lastValue(flags.sample) };
      const found = await verifyOnTarget(site, options, { ...hooks, onCheck, onBytes }).finally(progress.end);
      print(found, showVerification(found), !found.ok);
      return exitOfTarget(found);
    }
    const onRun = (run: string, bytes: number): void => {
      total += bytes;
      progress.phase(`pushing ${run}`);
    };
    const options = { ...which, dryRun: flags["dry-run"] };
    const pushed = await pushRuns(site, options, { ...hooks, onRun, onBytes }).finally(progress.end);
    print(pushed, `${pushed.dry_run ? "" : `${pc.green("✓")} `}${showPush(pushed)}`);
    return EXIT.ok;
  },
});

function storeOf(dest: string | undefined, config: SiteConfig): string {
  const store = dest === undefined ? config.dest : path.resolve(dest);
  if (store !== undefined) return store;
  throw new HoldfastError("E_USAGE", "no store is given: neither --dest nor dest in the config");
}

const namesOf = ({ targets, file }: SiteConfig): string =>
  Object.keys(targets).length === 0 ? `describe one under targets in ${file}` : Object.keys(targets).join(", ");
