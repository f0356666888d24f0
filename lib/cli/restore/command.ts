/** `restore`: restores a run, and ends in-place restores: confirms, rolls back or recovers them. */
import { endRestoreOf, RESTORE_DEFAULTS, restoreRun, type RestoreOptions } from "../../api/restore.ts";
import type { SiteConfig } from "../../config/load.ts";
import { EXIT, HoldfastError } from "../../errors.ts";
import { STEP_NAMES, type StepName } from "../../model/unit.ts";
import type { RestoreOutcome } from "../../ops/restore/run.ts";
import { sourceOf } from "../../ops/journals/restore-journal.ts";
import type { EndCommand } from "../../ops/journals/restore-state.ts";
import { colors as pc } from "../../report/colors.ts";
import { phaseReport } from "../../report/phases.ts";
import { printable } from "../../report/printable.ts";
import { allValues, lastValue, parseList } from "../core/arguments.ts";
import { defineCommand, type ParsedOptions } from "../core/command.ts";
import { ALLOWED_SIGNERS, IDENTITY, NUMBER, SWITCH, TEXT, type OptionTable } from "../core/options.ts";
import { missingText, showOutcome, showPreview } from "./report.ts";
import { confirmInPlace, directoryOf, reasonOf, RESTORE_OPTIONS } from "./options.ts";
import { printJson } from "../core/print-json.ts";
import { requireSiteConfig, siteConfigOf } from "../core/site-config.ts";
import { FROM, withStore } from "../core/from.ts";
import { pathOf } from "../core/store-path.ts";
import type { CommandFrame } from "../core/run-command.ts";

const END = ["database", "break-lock", "yes", "from"];
const OPTIONS = {
  run: { ...TEXT, default: RESTORE_DEFAULTS.run, describe: "run to restore: an id, or latest" },
  to: { ...TEXT, describe: "restore into this directory, which is empty or does not exist" },
  "in-place": { ...SWITCH, describe: "restore in place, and keep what is replaced" },
  package: { ...TEXT, describe: "restore a package instead of a run; its options: --package FILE --help" },
  step: { ...TEXT, describe: "restore only these steps, e.g. source_exports,db" },
  unit: { ...TEXT, describe: "restore only these units: project ids or names, legacy trees, databases …" },
  complete: { ...SWITCH, describe: "take units that failed in the run from their last good runs" },
  path: { ...TEXT, describe: "restore only this file or directory of the site" },
  database: { ...TEXT, describe: "URL of the database to load the dump into" },
  identity: IDENTITY,
  from: FROM,
  "rebuild-from-source": { ...SWITCH, describe: "compile projects again instead of restoring the compiled files" },
  media: {
    type: "boolean",
    default: RESTORE_DEFAULTS.media,
    describe: "restore the audio cache and media trees; --no-media skips them",
  },
  migrate: {
    type: "boolean",
    default: RESTORE_DEFAULTS.migrate,
    describe: "run pending migrations; --no-migrate skips them",
  },
  "allow-newer-schema": { ...SWITCH, describe: "restore a backup that is newer than the code" },
  "pg-restore-flag": { ...TEXT, describe: "flag to pass to pg_restore, e.g. --pg-restore-flag=--no-acl" },
  workers: { ...NUMBER, describe: "number of archives to unpack in parallel" },
  "allowed-signers": ALLOWED_SIGNERS,
  "allow-unsigned": { ...SWITCH, describe: "restore a run whose signature is missing or does not count" },
  "dry-run": { ...SWITCH, describe: "show the plan; change nothing" },
  ...RESTORE_OPTIONS,
  confirm: { type: "string", describe: "keep a restore, and remove what it replaced" },
  rollback: { type: "string", describe: "roll back a restore" },
  recover: { type: "string", describe: "finish an interrupted restore, or roll it back" },
} as const satisfies OptionTable;

export const restore = defineCommand({
  forms: ["--to DIR | --in-place", "--package FILE --to DIR | --in-place (see --package FILE --help)"],
  description: "Restores a run: into an empty directory, or in place at the paths of the config.",
  positionals: {},
  options: OPTIONS,
  rules: {
    modes: { confirm: END, rollback: END, recover: END },
    conflicts: [
      ["from", "dest"],
      ["to", "in-place"],
      ["complete", "path"],
    ],
    requires: {
      reason: ["no-safety"],
      "no-safety": ["in-place"],
      "rebuild-from-source": ["in-place"],
      "no-migrate": ["in-place"],
    },
  },
  async run(flags, frame) {
    return await withStore(flags, frame, async ({ store, content }) => {
      const how = (["confirm", "rollback", "recover"] as const).find((one) => flags[one] !== undefined);
      if (how !== undefined) return await endOne(how, flags, store, frame);
      const options = optionsOf(flags);
      const progress = phaseReport(flags);
      const { signing } = knownConfig(flags) ?? {};
      const outcome = await restoreRun(
        { store, content, config: () => configOf(flags), known: () => knownConfig(flags), signing },
        options,
        {
          ...frame,
          confirm: async (preview) => {
            if (!flags.json && !flags.quiet) process.stderr.write(`${showPreview(preview)}\n`);
            if (flags["in-place"] && !flags.yes) await confirmInPlace(frame.signal);
          },
          onPhase: progress.phase,
          onBytes: progress.bytes,
        },
      ).finally(progress.end);
      show(outcome, flags);
      const isPartial = !flags["dry-run"] && outcome.missing.some(({ accepted }) => !accepted);
      return isPartial ? EXIT.partial : EXIT.ok;
    });
  },
});

type Flags = ParsedOptions<typeof OPTIONS>;

const optionsOf = (flags: Flags): RestoreOptions => ({
  run: lastValue(flags.run),
  to: directoryOf(flags, "use --to DIR to restore without changing the site"),
  inPlace: flags["in-place"],
  steps: stepsOf(flags),
  units: parseList("unit", flags.unit),
  complete: flags.complete,
  allowedSigners: pathOf(flags["allowed-signers"]),
  allowUnsigned: flags["allow-unsigned"],
  path: lastValue(flags.path),
  database: lastValue(flags.database),
  identities: allValues(flags.identity),
  rebuild: flags["rebuild-from-source"],
  media: flags.media,
  migrate: flags.migrate,
  allowNewerSchema: flags["allow-newer-schema"],
  withoutSafety: reasonOf(flags),
  owner: lastValue(flags.owner),
  restoreFlags: allValues(flags["pg-restore-flag"]),
  workers: lastValue(flags.workers),
  dryRun: flags["dry-run"],
  breakLock: flags["break-lock"],
});

function stepsOf(flags: Flags): StepName[] {
  const names = parseList("step", flags.step);
  const unknown = names.find((name) => !STEP_NAMES.some((step) => step === name));
  if (unknown !== undefined)
    throw new HoldfastError("E_USAGE", `unknown step ${unknown}`, {
      hint: `the steps are ${STEP_NAMES.join(", ")}`,
    });
  return STEP_NAMES.filter((step) => names.includes(step));
}

const knownConfig = (flags: Flags): SiteConfig | undefined =>
  siteConfigOf(lastValue(flags.config), lastValue(flags.dest));

const configOf = (flags: Flags): SiteConfig => requireSiteConfig(lastValue(flags.config));

function show(outcome: RestoreOutcome, flags: Flags): void {
  const dryRun = flags["dry-run"];
  if (flags.json) return printJson({ message_type: "summary", ...outcome });
  if (flags.quiet) {
    if (!dryRun) process.stderr.write(outcome.missing.map((one) => `${printable(missingText(one))}\n`).join(""));
    return;
  }
  process.stdout.write(
    dryRun ? `${showPreview(outcome.preview)}\ndry run: nothing was changed\n` : `${showOutcome(outcome)}\n`,
  );
}

async function endOne(how: EndCommand, flags: Flags, store: string, frame: CommandFrame): Promise<number> {
  const id = lastValue(flags[how]);
  const database = lastValue(flags.database);
  const outcome = await endRestoreOf(
    { store, config: tryConfig(flags) },
    { how, restore: id === "" ? undefined : id, database, breakLock: flags["break-lock"] },
    frame,
  );
  const done = how === "confirm" ? "confirmed; what it replaced was removed" : outcome.phase.replace("_", " ");
  if (flags.json) printJson({ message_type: "summary", ...outcome });
  else if (!flags.quiet)
    process.stdout.write(`${pc.green("✓")} restore ${outcome.restore} of ${sourceOf(outcome)}: ${done}\n`);
  return EXIT.ok;
}

/**
 * Loads the config if possible. A restore to a directory can be ended without one, but an invalid one given by a flag
 * is an error.
 */
function tryConfig(flags: Flags): SiteConfig | undefined {
  try {
    return configOf(flags);
  } catch (error) {
    if (lastValue(flags.config) !== undefined) throw error;
    return undefined;
  }
}
