/** The backup commands: of the whole site, and of each step alone. */
import { existsSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { colors as pc } from "../../report/colors.ts";
import { RACY_MS } from "../../archive/fingerprint.ts";
import { BACKUP_DEFAULTS, backupSite, exitOfBackup, type BackupOptions } from "../../api/backup.ts";
import { HoldfastError } from "../../errors.ts";
import { STEP_NAMES, type StepName } from "../../model/unit.ts";
import { describeAnomaly } from "../../ops/anomalies/describe.ts";
import type { BackupOutcome } from "../../ops/backup/request.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { printable } from "../../report/printable.ts";
import { parseList, lastValue } from "../core/arguments.ts";
import { defineCommand, type Command, type ParsedOptions } from "../core/command.ts";
import { BREAK_LOCK, NUMBER, SWITCH, TEXT, YES, type OptionTable } from "../core/options.ts";
import { configFile } from "../core/site-config.ts";
import type { CommandFrame, OutputFlags } from "../core/run-command.ts";

/** The options of a backup, of the whole site or of a step. */
const OPTIONS = {
  only: { ...TEXT, describe: "project ids and unit names to back up, comma-separated" },
  skip: { ...TEXT, describe: "project ids and unit names to leave out" },
  "text-types": { ...TEXT, describe: "text types to export; `default` is the first" },
  existing: {
    choices: ["skip", "overwrite"],
    default: BACKUP_DEFAULTS.existing,
    describe: "reuse unchanged units, or rebuild all",
  },
  workers: { ...NUMBER, describe: "worker threads" },
  checksums: { ...SWITCH, describe: "read every artifact back and compare" },
  "dry-run": { ...SWITCH, describe: "show what would be backed up; write nothing" },
  resume: { ...SWITCH, describe: "continue an interrupted run" },
  name: { ...TEXT, describe: "a name for the run" },
  description: { ...TEXT, describe: "a description of the run" },
  tag: { type: "string", array: true, default: [] as string[], describe: "a tag for the run; may be repeated" },
  yes: YES,
  "lock-file": { ...TEXT, describe: "a second lock file besides the store's own" },
  "break-lock": BREAK_LOCK,
  "accept-loss": {
    ...SWITCH,
    describe: "make the run latest although a step lost more than half of its units",
  },
  "new-store": { ...SWITCH, describe: "create a new store where this host recorded one that is missing" },
} as const satisfies OptionTable;

const CONFLICTS = [
  ["resume", "dry-run"],
  ["resume", "new-store"],
  ["resume", "existing=overwrite"],
];

export const backupAll = defineCommand({
  forms: ["--dest DIR"],
  description: "Backs up the whole site.",
  positionals: {},
  options: {
    ...OPTIONS,
    steps: { ...TEXT, describe: `steps to run, of: ${STEP_NAMES.join(", ")}` },
    demo: { ...SWITCH, describe: "make a demo site and back it up" },
  },
  rules: { conflicts: [["demo", "config"], ...CONFLICTS] },
  async run(flags, frame) {
    const options = { ...optionsOf(flags), steps: parseList("steps", flags.steps).map(stepName) };
    if (!flags.demo) return exitOfBackup(await backUp(placeOf(flags), options, { flags, frame }));
    const place = await demoPlace(flags);
    const outcome = await backUp(place, { ...options, newStore: true }, { flags, frame });
    if (outcome.path === null) return exitOfBackup(outcome);
    const { finishDemo } = await import("./demo.ts");
    return await finishDemo(outcome, outcome.path, frame, isShown(flags));
  },
});

/** Returns the command that backs up one step, which `script` names in the run's documents. */
export const backupStep = (step: StepName, script: string): Command =>
  defineCommand({
    forms: ["--dest DIR"],
    description: `Backs up the step ${step} only.`,
    positionals: {},
    options: OPTIONS,
    rules: { conflicts: CONFLICTS },
    async run(flags, frame) {
      const options = { ...optionsOf(flags), steps: [step] };
      const way = { inProcess: true, command: script };
      return exitOfBackup(await backUp(placeOf(flags), options, { flags, frame, way }));
    },
  });

type BackupFlags = ParsedOptions<typeof OPTIONS>;
type Place = Parameters<typeof backupSite>[0];

const optionsOf = (flags: BackupFlags): BackupOptions => ({
  only: parseList("only", flags.only),
  skip: parseList("skip", flags.skip),
  textTypes: parseList("text-types", flags["text-types"]),
  existing: lastValue(flags.existing),
  workers: lastValue(flags.workers),
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
});

const placeOf = (flags: BackupFlags): Place => ({
  file: configFile(lastValue(flags.config)),
  dest: lastValue(flags.dest),
});

const isShown = ({ json, quiet }: OutputFlags): boolean => !json && !quiet;

interface Around {
  readonly flags: OutputFlags;
  readonly frame: CommandFrame;
  readonly way?: Parameters<typeof backupSite>[3];
}

async function backUp(place: Place, options: BackupOptions, { flags, frame, way }: Around): Promise<BackupOutcome> {
  const outcome = await backupSite(place, options, frame, way);
  if (isShown(flags)) showOutcome(outcome);
  return outcome;
}

function stepName(name: string): StepName {
  const known = STEP_NAMES.find((one) => one === name);
  if (known === undefined)
    throw new HoldfastError("E_USAGE", `unknown step ${name}`, { hint: `steps: ${STEP_NAMES.join(", ")}` });
  return known;
}

/** Makes a demo site beside the store, once. */
async function demoPlace(flags: BackupFlags): Promise<Place> {
  const dest = lastValue(flags.dest);
  if (dest === undefined)
    throw new HoldfastError("E_USAGE", "--demo needs --dest", { hint: "for instance --dest /tmp/holdfast-demo" });
  const site = `${path.resolve(dest)}.site`;
  const config = path.join(site, "site.yaml");
  if (!existsSync(config)) {
    if (isShown(flags)) process.stderr.write(`making a demo site in ${site}\n`);
    const { makeDemoSite } = await import("./demo-site.ts");
    await makeDemoSite(site);
    // The next backup rebuilds what changed within two seconds of this one, but a second demo should show the reuse.
    await sleep(RACY_MS);
  }
  return { file: config, dest };
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
  for (const anomaly of outcome.anomalies) {
    const line = printable(describeAnomaly(anomaly));
    process.stdout.write(`${(anomaly.level === "alarm" ? pc.red : pc.yellow)(line)}\n`);
  }
  process.stdout.write(
    place === null ? "dry run: nothing was written\n" : `${mark} ${status}: ${counts.join(", ")}\n${place}\n`,
  );
}
