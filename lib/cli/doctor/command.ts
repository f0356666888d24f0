/** `doctor`: checks whether the installation is right. */
import path from "node:path";
import { countProblems } from "../../api/verify.ts";
import { EXIT } from "../../errors.ts";
import type { DoctorCheck } from "../../ops/doctor/check.ts";
import { diagnose, type Diagnosis } from "../../ops/doctor/run.ts";
import { colors as pc } from "../../report/colors.ts";
import { plural } from "../../report/format.ts";
import { printable } from "../../report/printable.ts";
import { lastValue } from "../core/arguments.ts";
import { showCheck } from "../core/check-report.ts";
import { defineCommand } from "../core/command.ts";
import { withGivenFlags } from "../core/given-flags.ts";
import { printJson, printProblems } from "../core/print-json.ts";
import { requireSiteConfig } from "../core/site-config.ts";

export const doctor = defineCommand({
  forms: ["--config FILE"],
  description:
    "Checks whether the installation is right: config, rights, programs, store, disks, clock, retention, proof, targets, timers. " +
    "Nothing is changed but for a probe that is written to each target and removed.",
  positionals: {},
  options: {},
  async run(flags, { signal }) {
    const config = requireSiteConfig(lastValue(flags.config));
    const dest = lastValue(flags.dest);
    const store = dest === undefined ? config.dest : path.resolve(dest);
    const onCheck = (check: DoctorCheck): void => {
      if (!flags.json && (!flags.quiet || check.state === "fail")) process.stdout.write(`${textOf(check)}\n`);
    };
    const found = await diagnose({ config, store, now: new Date(), signal }, onCheck);
    const { site, ok, checks } = found;
    if (flags.json) {
      const failed = checks.filter(({ state }) => state === "fail");
      printProblems("doctor", failed);
      printJson({ message_type: "summary", site, ok, error_count: countProblems(failed), checks });
    } else if (!flags.quiet || !ok) process.stdout.write(`${conclusion(found)}\n`);
    return ok ? EXIT.ok : EXIT.verification;
  },
});

function textOf(check: DoctorCheck): string {
  const text = showCheck(check);
  return check.hint === null ? text : `${text}\n    hint: ${printable(withGivenFlags(check.hint))}`;
}

function conclusion({ site, ok, checks }: Diagnosis): string {
  const of = (state: DoctorCheck["state"]): string[] =>
    checks.filter((check) => check.state === state).map(({ title }) => title);
  if (!ok) return `${pc.red("✗")} the installation of ${site} has faults: ${of("fail").join(", ")}`;
  const warnings = of("warn");
  const rest = warnings.length === 0 ? "" : `, ${plural(warnings.length, "warning")}`;
  return `${pc.green("✓")} the installation of ${site} is right: ${plural(checks.length, "check")}${rest}`;
}
