/** `drill`: restores a run into a sandbox and reports what this verifies. */
import type { SiteConfig } from "../../config/load.ts";
import { DRILL_DEFAULTS, drillRuns, drillSummary, exitOfDrill } from "../../api/drill.ts";
import type { DrillEvidence, DrillOutcome } from "../../ops/drill/run.ts";
import type { DrillPhase } from "../../ops/drill/request.ts";
import { colors as pc } from "../../report/colors.ts";
import { formatDuration } from "../../report/format.ts";
import { phaseReport } from "../../report/phases.ts";
import { printableLines } from "../../report/printable.ts";
import { allValues, lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { ALLOWED_SIGNERS, EVIDENCE, IDENTITY, NUMBER, SWITCH, TEXT } from "../core/options.ts";
import { printJson, printProblems } from "../core/print-json.ts";
import { printWarning } from "../../report/warning.ts";
import { drillReinit } from "./reinit.ts";
import { requireSiteConfig } from "../core/site-config.ts";
import { FROM, withStore } from "../core/from.ts";
import { pathOf } from "../core/store-path.ts";
import { showCheck } from "../core/check-report.ts";

/** The displayed name of each phase. */
const PHASES = {
  verify: "verifying",
  unpack: "unpacking",
  load: "loading",
  compare: "comparing",
  compile: "compiling",
  smoke: "smoke test",
  clean: "cleaning up",
} as const satisfies Record<DrillPhase, string>;

export const drill = defineCommand({
  forms: ["--dest DIR"],
  description:
    "Restores a whole run into a sandbox and scratch databases, compares it with its record, and keeps the evidence.",
  positionals: {},
  options: {
    run: { ...TEXT, default: DRILL_DEFAULTS.run, describe: "run to restore: an id, or latest" },
    "all-since": { ...TEXT, describe: "drill each full backup from this run or day on, instead of --run" },
    sandbox: { ...TEXT, describe: "parent directory of the sandbox (default: $TMPDIR)" },
    database: { ...TEXT, describe: "URL of a server for scratch databases (default: a private server)" },
    identity: IDENTITY,
    from: FROM,
    evidence: EVIDENCE,
    "allowed-signers": ALLOWED_SIGNERS,
    projects: { ...NUMBER, default: DRILL_DEFAULTS.projects, describe: "number of projects to compile" },
    workers: { ...NUMBER, default: DRILL_DEFAULTS.workers, describe: "worker threads" },
    changed: { ...SWITCH, describe: "restore what was not proved in the last 35 days, and every database" },
    strict: { ...SWITCH, describe: "treat a check that is not proved as failed: exit 13" },
    search: {
      type: "boolean",
      default: DRILL_DEFAULTS.search,
      describe: "after a failure, find the newest earlier run that can be restored",
    },
    reinit: {
      ...SWITCH,
      describe: "instead of a run, test a reinit on a copy of the database, and reimport the data",
    },
  },
  rules: {
    modes: { reinit: ["sandbox", "database"] },
    conflicts: [
      ["from", "dest"],
      ["run", "all-since"],
      ["changed", "all-since"],
    ],
  },
  async run(flags, frame) {
    return await withStore(flags, frame, async ({ store, content }) => {
      const [sandbox, database] = [lastValue(flags.sandbox), lastValue(flags.database)];
      if (flags.reinit)
        return await drillReinit(requireSiteConfig(lastValue(flags.config)), { ...flags, sandbox, database }, frame);
      const shown = !flags.json && !flags.quiet;
      const progress = phaseReport(flags, "results");
      const say = (line: string): void => void (shown && progress.say(line));
      const outcome = await drillRuns(
        { store, config: configOf(lastValue(flags.config)), content },
        {
          run: lastValue(flags.run),
          allSince: lastValue(flags["all-since"]),
          sandbox,
          database,
          identities: allValues(flags.identity),
          evidence: lastValue(flags.evidence),
          projects: lastValue(flags.projects),
          workers: lastValue(flags.workers),
          changed: flags.changed,
          search: flags.search,
          strict: flags.strict,
          allowedSigners: pathOf(flags["allowed-signers"]),
        },
        {
          signal: frame.signal,
          onPhase: (run, phase) => {
            if (phase === "verify") say(pc.bold(run));
            progress.phase(PHASES[phase]);
          },
          onCheck: (_run, check) => say(showCheck(check)),
          onBytes: progress.bytes,
          onWarning: (text) => {
            progress.end();
            printWarning(text);
          },
        },
      ).finally(progress.end);
      outcome.warnings.forEach(printWarning);
      if (flags.json) printOutcome(outcome);
      else if (shown || !outcome.ok) process.stdout.write(`${conclusion(outcome)}\n`);
      return exitOfDrill(outcome, flags.strict);
    });
  },
});

/** Loads the config of the flag, or one at a default path; a drill works without one. */
function configOf(given: string | undefined): SiteConfig | undefined {
  try {
    return requireSiteConfig(given);
  } catch (error) {
    if (given !== undefined || process.env["HOLDFAST_CONFIG"] !== undefined) throw error;
    return undefined;
  }
}

function conclusion({ drills, restorable }: DrillOutcome): string {
  const lines = drills.map(conclusionOf);
  if (restorable === null) lines.push(`${pc.red("✗")} no earlier run can be restored either`);
  else if (restorable !== undefined)
    lines.push(`${pc.yellow("!")} the newest run that can be restored is ${restorable}`);
  return printableLines(lines);
}

function conclusionOf({ run, ok, not_proved, rto_ms, checks }: DrillEvidence): string {
  const took = formatDuration(rto_ms);
  const rest = not_proved.length > 0 ? `; not proved: ${not_proved.join(", ")}` : "";
  if (ok) return `${pc.green("✓")} the run ${run} was restored in ${took}${rest}`;
  const failed = checks.filter(({ state }) => state === "failed").map(({ title }) => title);
  return `${pc.red("✗")} the run ${run} cannot be restored: ${failed.join(", ")}${rest}`;
}

/** Prints a JSON line for each problem, then the summary. */
function printOutcome(outcome: DrillOutcome): void {
  for (const { run, checks } of outcome.drills) printProblems("drill", checks, { run });
  printJson({ message_type: "summary", ...drillSummary(outcome) });
}
