/** The backup commands: `backup_all`, and each step's script, alone or as the sub-script of a run. */
import { existsSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { colors as pc } from "../../report/colors.ts";
import { RACY_MS } from "../../archive/fingerprint.ts";
import { findConfig } from "../../config/load.ts";
import { EXIT, HoldfastError } from "../../errors.ts";
import { PLAN_VARIABLE } from "../../exec/plan-variable.ts";
import { STEP_NAMES, type StepName } from "../../model/unit.ts";
import type { BackupOutcome, BackupRequest } from "../../ops/backup/request.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { printable } from "../../report/printable.ts";
import { commandLine, parseList, lastValue } from "../core/arguments.ts";
import { PACKAGE_ROOT } from "../../exec/build-output.ts";
import type { FlagRules } from "../core/flag-rules.ts";
import { runAsSubScript } from "./step-process.ts";

/**
 * Runs `backup_all`, or with `step` the script of one step. Modules that a sub-script does not need are loaded later.
 */
export async function backupCommand(name: string, step?: StepName): Promise<void> {
  const quietly = { json: process.argv.includes("--json"), quiet: false, verbose: process.argv.includes("--verbose") };
  const plan = process.env[PLAN_VARIABLE];
  if (step !== undefined && plan !== undefined) return await runAsSubScript(step, plan);
  const [{ backup }, { exitOf, runCommandFrame }] = await Promise.all([
    import("../../ops/backup/run.ts"),
    import("../core/run-command.ts"),
  ]);
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(name, step);
  } catch (error) {
    return await runCommandFrame(quietly, () => {
      throw error;
    });
  }
  await runCommandFrame(parsed.output, async (frame) => {
    const request = parsed.demo ? await demoRequest(parsed) : parsed.request;
    const config = findConfig(request.config === "" ? undefined : request.config, process.env, PACKAGE_ROOT);
    const outcome = await backup({ ...request, config }, frame);
    const shown = !parsed.output.json && !parsed.output.quiet;
    if (shown) showOutcome(outcome);
    if (parsed.demo && outcome.path !== null) {
      const { finishDemo } = await import("./demo.ts");
      return await finishDemo(outcome, outcome.path, frame, shown);
    }
    return outcome.afterFailed ? EXIT.partial : exitOf(outcome.status);
  });
}

const RULES: FlagRules = {
  conflicts: [
    ["demo", "config"],
    ["resume", "dry-run"],
    ["resume", "new-store"],
    ["resume", "existing=overwrite"],
  ],
};

function parse(name: string, step: StepName | undefined) {
  const parser = commandLine(
    name,
    step === undefined
      ? "$0 --dest DIR\n\nBacks up the whole site."
      : `$0 --dest DIR\n\nBacks up the step ${step} only.`,
    RULES,
  )
    .option("only", {
      type: "string",
      describe: "project ids and unit names to back up, comma-separated",
      requiresArg: true,
    })
    .option("skip", { type: "string", describe: "project ids and unit names to leave out", requiresArg: true })
    .option("text-types", {
      type: "string",
      describe: "text types to export; `default` is the first",
      requiresArg: true,
    })
    .option("existing", {
      choices: ["skip", "overwrite"] as const,
      default: "skip" as const,
      describe: "reuse unchanged units, or rebuild all",
    })
    .option("workers", { type: "number", describe: "worker threads", requiresArg: true })
    .option("checksums", { type: "boolean", default: false, describe: "read every artifact back and compare" })
    .option("dry-run", { type: "boolean", default: false, describe: "show what would be backed up; write nothing" })
    .option("resume", { type: "boolean", default: false, describe: "continue an interrupted run" })
    .option("name", { type: "string", describe: "a name for the run", requiresArg: true })
    .option("description", { type: "string", describe: "a description of the run", requiresArg: true })
    .option("tag", {
      type: "string",
      array: true,
      default: [] as string[],
      describe: "a tag for the run; may be repeated",
    })
    .option("yes", { type: "boolean", default: false, describe: "do not ask" })
    .option("lock-file", { type: "string", describe: "a second lock file besides the store's own", requiresArg: true })
    .option("break-lock", { type: "boolean", default: false, describe: "take over a lock held from another host" })
    .option("accept-loss", {
      type: "boolean",
      default: false,
      describe: "make the run latest although a step lost more than half of its units",
    })
    .option("new-store", {
      type: "boolean",
      default: false,
      describe: "create a new store where this host recorded one that is missing",
    });
  const whole =
    step === undefined
      ? parser
          .option("steps", {
            type: "string",
            describe: `steps to run, of: ${STEP_NAMES.join(", ")}`,
            requiresArg: true,
          })
          .option("demo", { type: "boolean", default: false, describe: "make a demo site and back it up" })
      : parser
          .option("steps", { type: "string", hidden: true })
          .option("demo", { type: "boolean", default: false, hidden: true });
  const flags = whole.parseSync(process.argv.slice(2));
  const workers = lastValue(flags.workers);
  if (workers !== undefined && !(Number.isInteger(workers) && workers >= 1))
    throw new HoldfastError("E_USAGE", "--workers takes a whole number of at least 1");
  if (flags._.length > 0) throw new HoldfastError("E_USAGE", `unexpected argument: ${String(flags._[0])}`);
  const request: BackupRequest = {
    config: lastValue(flags.config) ?? "",
    dest: lastValue(flags.dest),
    steps: step === undefined ? parseList("steps", flags.steps).map(stepName) : [step],
    only: parseList("only", flags.only),
    skip: parseList("skip", flags.skip),
    textTypes: parseList("text-types", flags["text-types"]),
    existing: lastValue(flags.existing) ?? "skip",
    workers,
    checksums: flags.checksums,
    resume: flags.resume,
    dryRun: flags["dry-run"],
    name: lastValue(flags.name),
    description: lastValue(flags.description),
    tags: parseList("tag", flags.tag),
    lockFile: lastValue(flags["lock-file"]),
    breakLock: flags["break-lock"],
    newStore: flags["new-store"],
    acceptLoss: flags["accept-loss"],
    inProcess: step !== undefined,
    command: name,
  };
  return { request, demo: flags.demo, output: { json: flags.json, quiet: flags.quiet, verbose: flags.verbose } };
}

function stepName(name: string): StepName {
  const known = STEP_NAMES.find((one) => one === name);
  if (known === undefined)
    throw new HoldfastError("E_USAGE", `unknown step ${name}`, { hint: `steps: ${STEP_NAMES.join(", ")}` });
  return known;
}

/** Makes a demo site beside the store, once. */
async function demoRequest({ request, output }: ReturnType<typeof parse>): Promise<BackupRequest> {
  if (request.dest === undefined)
    throw new HoldfastError("E_USAGE", "--demo needs --dest", { hint: "for instance --dest /tmp/holdfast-demo" });
  const site = `${path.resolve(request.dest)}.site`;
  const config = path.join(site, "site.yaml");
  if (!existsSync(config)) {
    if (!output.json && !output.quiet) process.stderr.write(`making a demo site in ${site}\n`);
    const { makeDemoSite } = await import("./demo-site.ts");
    await makeDemoSite(site);
    // The next backup rebuilds what changed within two seconds of this one, but a second demo should show the reuse.
    await sleep(RACY_MS);
  }
  return { ...request, config, newStore: true };
}

function showOutcome(outcome: BackupOutcome): void {
  const { totals, status, path: place, uncovered } = outcome;
  const mark = status === "complete" ? pc.green("✓") : pc.red("✗");
  const counts = [
    plural(totals.units, "unit"),
    `${totals.failed} failed`,
    `${totals.skipped} skipped`,
    `${formatBytes(totals.size_bytes)} (${formatBytes(totals.written_bytes)} written)`,
  ];
  if (uncovered.length > 0) {
    const more = uncovered.length > 5 ? ` and ${uncovered.length - 5} more` : "";
    process.stderr.write(`${pc.yellow("warning:")} no step covers: ${uncovered.slice(0, 5).join(", ")}${more}\n`);
  }
  for (const claim of outcome.claims ?? [])
    process.stdout.write(`${printable(claim.path)}  ${pc.dim(`${claim.step} (${claim.key})`)}\n`);
  process.stdout.write(
    place === null ? "dry run: nothing was written\n" : `${mark} ${status}: ${counts.join(", ")}\n${place}\n`,
  );
}
