/** `drill`: restores a run into a sandbox and reports what this verifies. */
import path from "node:path";
import { findConfig, loadConfig, type SiteConfig } from "../../config/load.ts";
import { EXIT, HoldfastError } from "../../errors.ts";
import { drill, type DrillEvidence, type DrillOutcome } from "../../ops/drill/run.ts";
import type { DrillPhase } from "../../ops/drill/sandbox-run.ts";
import { colors as pc } from "../../report/colors.ts";
import { formatDuration } from "../../report/format.ts";
import { phaseReport } from "../../report/phases.ts";
import { printable, printableLines } from "../../report/printable.ts";
import { commandLine, lastValue } from "../core/arguments.ts";
import { PACKAGE_ROOT } from "../../exec/build-output.ts";
import type { FlagRules } from "../core/flag-rules.ts";
import { reinitDrillCommand } from "./reinit.ts";
import { requireSiteConfig } from "../core/site-config.ts";
import { storeCommand } from "../core/store-command.ts";
import { showCheck } from "../core/check-report.ts";

const RULES: FlagRules = {
  modes: { reinit: ["sandbox", "database"] },
  conflicts: [["run", "all-since"]],
};

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

export async function drillCommand(): Promise<void> {
  await storeCommand(
    (argv) =>
      commandLine(
        "drill",
        "$0 --dest DIR\n\nRestores a whole run into a sandbox and scratch databases, compares it with its record, " +
          "and keeps the evidence.",
        RULES,
      )
        .option("run", {
          type: "string",
          default: "latest",
          describe: "run to restore: an id, or latest",
          requiresArg: true,
        })
        .option("all-since", {
          type: "string",
          describe: "drill each full backup from this run or day on, instead of --run",
          requiresArg: true,
        })
        .option("sandbox", {
          type: "string",
          describe: "parent directory of the sandbox (default: $TMPDIR)",
          requiresArg: true,
        })
        .option("database", {
          type: "string",
          describe: "URL of a server for scratch databases (default: a private server)",
          requiresArg: true,
        })
        .option("evidence", {
          type: "string",
          describe:
            "directory for the evidence (default: the store, or this host's state directory if that is read-only)",
          requiresArg: true,
        })
        .option("projects", {
          type: "number",
          default: 3,
          describe: "number of projects to compile",
          requiresArg: true,
        })
        .option("workers", { type: "number", default: 2, describe: "worker threads", requiresArg: true })
        .option("strict", {
          type: "boolean",
          default: false,
          describe: "treat a check that is not proved as failed: exit 13",
        })
        .option("search", {
          type: "boolean",
          default: true,
          describe: "after a failure, find the newest earlier run that can be restored",
        })
        .option("reinit", {
          type: "boolean",
          default: false,
          describe: "instead of a run, test a reinit on a copy of the database, and reimport the data",
        })
        .parseSync([...argv]),
    async (flags, store, frame) => {
      if (flags.reinit) {
        const given = { ...flags, sandbox: lastValue(flags.sandbox), database: lastValue(flags.database) };
        return await reinitDrillCommand(requireSiteConfig(lastValue(flags.config)), given, frame);
      }
      const shown = !flags.json && !flags.quiet;
      const progress = phaseReport(flags, "results");
      const say = (line: string): void => void (shown && progress.say(line));
      const sandbox = lastValue(flags.sandbox);
      const evidence = lastValue(flags.evidence);
      const outcome = await drill(
        {
          store,
          run: lastValue(flags.run) ?? "latest",
          allSince: lastValue(flags.allSince),
          config: configOf(lastValue(flags.config)),
          sandbox: sandbox === undefined ? undefined : path.resolve(sandbox),
          database: lastValue(flags.database),
          projects: wholeNumber("projects", lastValue(flags.projects), 0),
          workers: wholeNumber("workers", lastValue(flags.workers), 1),
          search: flags.search,
          evidence: evidence === undefined ? undefined : path.resolve(evidence),
        },
        {
          signal: frame.signal,
          onPhase: (run, phase) => {
            if (phase === "verify") say(pc.bold(run));
            progress.phase(PHASES[phase]);
          },
          onCheck: (_run, check) => say(showCheck(check)),
          onBytes: progress.bytes,
        },
      ).finally(progress.end);
      for (const warning of outcome.warnings) process.stderr.write(`${pc.yellow("warning:")} ${printable(warning)}\n`);
      if (flags.json) process.stdout.write(jsonLines(outcome));
      else if (shown || !outcome.ok) process.stdout.write(`${conclusion(outcome)}\n`);
      const unproved = outcome.drills.some(({ not_proved }) => not_proved.length > 0);
      return outcome.ok && !(flags.strict && unproved) ? EXIT.ok : EXIT.verification;
    },
  );
}

/** Loads the config of the flag, or one at a default path; a drill works without one. */
function configOf(given: string | undefined): SiteConfig | undefined {
  try {
    return loadConfig(findConfig(given, process.env, PACKAGE_ROOT), process.env);
  } catch (error) {
    if (given !== undefined || process.env["HOLDFAST_CONFIG"] !== undefined) throw error;
    return undefined;
  }
}

function wholeNumber(flag: string, value: number | undefined, least: number): number {
  if (value !== undefined && Number.isInteger(value) && value >= least) return value;
  throw new HoldfastError("E_USAGE", `--${flag} takes a whole number of at least ${least}`);
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

/** Returns a JSON line for each problem, then the summary. */
function jsonLines({ ok, drills, restorable, warnings }: DrillOutcome): string {
  const errors = drills.flatMap(({ run, checks }) =>
    checks.flatMap((check) =>
      check.problems.map(({ path: item, message }) => ({
        message_type: "error",
        error: { message },
        during: "drill",
        run,
        item,
        check: check.id,
      })),
    ),
  );
  const found = restorable === undefined ? {} : { restorable };
  const summary = { message_type: "summary", ok, ...found, error_count: errors.length, warnings, drills };
  return [...errors, summary].map((line) => `${JSON.stringify(line)}\n`).join("");
}
