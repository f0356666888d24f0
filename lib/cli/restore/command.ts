/** `restore`: restores a run, and ends in-place restores: confirms, rolls back or recovers them. */
import path from "node:path";
import { defaultThreads } from "../../archive/pool.ts";
import { findConfig, loadConfig, type SiteConfig } from "../../config/load.ts";
import { EXIT, HoldfastError } from "../../errors.ts";
import { STEP_NAMES, type StepName } from "../../model/unit.ts";
import { restore, type RestoreOutcome, type RestorePreview, type RestoreRequest } from "../../ops/restore/run.ts";
import { sourceOf } from "../../ops/journals/restore-journal.ts";
import { endRestore } from "../../ops/restore/end.ts";
import type { EndCommand } from "../../ops/journals/restore-state.ts";
import { colors as pc } from "../../report/colors.ts";
import { phaseReport } from "../../report/phases.ts";
import { printable } from "../../report/printable.ts";
import { ask } from "../core/confirm.ts";
import { commandLine, parseList, lastValue } from "../core/arguments.ts";
import { PACKAGE_ROOT } from "../../exec/build-output.ts";
import type { FlagRules } from "../core/flag-rules.ts";
import { ownerRule } from "../core/owner-flag.ts";
import { missingText, showOutcome, showPreview } from "./report.ts";
import { namesPackage, restorePackageCommand } from "./package-command.ts";
import { storeCommand } from "../core/store-command.ts";
import type { CommandFrame } from "../core/run-command.ts";

export async function restoreCommand(): Promise<void> {
  if (namesPackage(process.argv.slice(2))) return await restorePackageCommand();
  await storeCommand(parse, async (flags, store, frame) => {
    const how = (["confirm", "rollback", "recover"] as const).find((one) => flags[one] !== undefined);
    if (how !== undefined) return await endOne(how, flags, store, frame);
    const request = requestOf(flags, store);
    const progress = phaseReport(flags);
    const outcome = await restore(request, {
      ...frame,
      confirm: async (preview) => await confirm(request, preview, flags, frame.signal),
      onPhase: progress.phase,
      onBytes: progress.bytes,
    }).finally(progress.end);
    show(outcome, flags, request.dryRun);
    const isPartial = !request.dryRun && outcome.missing.some(({ accepted }) => !accepted);
    return isPartial ? EXIT.partial : EXIT.ok;
  });
}

type Flags = ReturnType<typeof parse>;

const say = (message: Record<string, unknown>): void => void process.stdout.write(`${JSON.stringify(message)}\n`);

const END = ["database", "break-lock", "yes"];
const RULES: FlagRules = {
  modes: { confirm: END, rollback: END, recover: END },
  conflicts: [
    ["to", "in-place"],
    ["complete", "path"],
  ],
  requires: {
    reason: ["no-safety"],
    "no-safety": ["in-place"],
    "rebuild-from-source": ["in-place"],
    "no-migrate": ["in-place"],
  },
};

function parse(argv: readonly string[]) {
  const text = { type: "string", requiresArg: true } as const;
  return commandLine(
    "restore",
    "$0 --to DIR | --in-place\n$0 --package FILE --to DIR | --in-place (see --package FILE --help)\n\n" +
      "Restores a run: into an empty directory, or in place at the paths of the config.",
    RULES,
  )
    .option("run", { ...text, default: "latest", describe: "run to restore: an id, or latest" })
    .option("to", { ...text, describe: "restore into this directory, which is empty or does not exist" })
    .option("in-place", {
      type: "boolean",
      default: false,
      describe: "restore in place, and keep what is replaced",
    })
    .option("step", { ...text, describe: "restore only these steps, e.g. source_exports,db" })
    .option("unit", { ...text, describe: "restore only these units: project ids or names, legacy trees, databases …" })
    .option("complete", {
      type: "boolean",
      default: false,
      describe: "take units that failed in the run from their last good runs",
    })
    .option("path", { ...text, describe: "restore only this file or directory of the site" })
    .option("database", { ...text, describe: "URL of the database to load the dump into" })
    .option("rebuild-from-source", {
      type: "boolean",
      default: false,
      describe: "compile projects again instead of restoring the compiled files",
    })
    .option("media", {
      type: "boolean",
      default: true,
      describe: "restore the audio cache and media trees; --no-media skips them",
    })
    .option("migrate", { type: "boolean", default: true, describe: "run pending migrations; --no-migrate skips them" })
    .option("allow-newer-schema", {
      type: "boolean",
      default: false,
      describe: "restore a backup that is newer than the code",
    })
    .option("safety", {
      type: "boolean",
      default: true,
      describe: "make a safety dump first; --no-safety needs --reason",
    })
    .option("reason", { ...text, describe: "why --no-safety" })
    .option("owner", {
      ...text,
      default: "name",
      describe: "owner of the restored files: name, number, or USER[:GROUP]",
    })
    .option("pg-restore-flag", { ...text, describe: "flag to pass to pg_restore, e.g. --pg-restore-flag=--no-acl" })
    .option("workers", { type: "number", describe: "number of archives to unpack in parallel", requiresArg: true })
    .option("yes", { type: "boolean", default: false, describe: "do not ask" })
    .option("dry-run", { type: "boolean", default: false, describe: "show the plan; change nothing" })
    .option("break-lock", { type: "boolean", default: false, describe: "take over a lock held from another host" })
    .option("confirm", { type: "string", describe: "keep a restore, and remove what it replaced" })
    .option("rollback", { type: "string", describe: "roll back a restore" })
    .option("recover", { type: "string", describe: "finish an interrupted restore, or roll it back" })
    .parseSync([...argv]);
}

function requestOf(flags: Flags, store: string): RestoreRequest {
  const to = lastValue(flags.to);
  if (to === undefined && !flags["in-place"])
    throw new HoldfastError("E_USAGE", "neither --to DIR nor --in-place was given", {
      hint: "use --to DIR to restore without changing the site",
    });
  const reason = lastValue(flags.reason);
  if (!flags.safety && (reason ?? "").trim() === "")
    throw new HoldfastError("E_USAGE", "--no-safety needs --reason", {
      hint: "add --reason TEXT; the journal of the restore records it",
    });
  const workers = lastValue(flags.workers);
  return {
    store,
    run: lastValue(flags.run) ?? "latest",
    target:
      to === undefined
        ? { kind: "in-place", config: configOf(flags) }
        : { kind: "directory", directory: path.resolve(to) },
    steps: stepsOf(flags),
    units: parseList("unit", flags.unit),
    path: lastValue(flags.path),
    database: lastValue(flags.database),
    rebuild: flags["rebuild-from-source"],
    media: flags.media,
    migrate: flags.migrate,
    allowNewerSchema: flags["allow-newer-schema"],
    withoutSafety: flags.safety ? undefined : reason,
    owners: ownerRule(lastValue(flags.owner) ?? "name"),
    restoreFlags: [flags["pg-restore-flag"] ?? []].flat(),
    complete: flags.complete,
    dryRun: flags["dry-run"],
    workers: workers ?? defaultThreads(),
    breakLock: flags["break-lock"],
  };
}

function stepsOf(flags: Flags): StepName[] {
  const names = parseList("step", flags.step);
  const unknown = names.find((name) => !STEP_NAMES.some((step) => step === name));
  if (unknown !== undefined)
    throw new HoldfastError("E_USAGE", `unknown step ${unknown}`, {
      hint: `the steps are ${STEP_NAMES.join(", ")}`,
    });
  return STEP_NAMES.filter((step) => names.includes(step));
}

const configOf = (flags: Flags): SiteConfig =>
  loadConfig(findConfig(lastValue(flags.config), process.env, PACKAGE_ROOT), process.env);

/** Shows the plan; an in-place restore also needs the operator's agreement. */
async function confirm(
  request: RestoreRequest,
  preview: RestorePreview,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  if (!flags.json && !flags.quiet) process.stderr.write(`${showPreview(preview)}\n`);
  if (request.target.kind === "directory" || flags.yes) return;
  if (!process.stdin.isTTY)
    throw new HoldfastError("E_CONFIRM", "an in-place restore needs confirmation", {
      hint: "use --yes without a terminal",
    });
  if ((await ask("Type RESTORE to replace the site: ", signal)) !== "RESTORE")
    throw new HoldfastError("E_CONFIRM", "not confirmed; nothing was changed");
}

function show(outcome: RestoreOutcome, flags: Flags, dryRun: boolean): void {
  if (flags.json) return say({ message_type: "summary", ...outcome });
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
  const config = tryConfig(flags);
  const outcome = await endRestore(
    {
      store,
      config,
      how,
      restore: id === "" ? undefined : id,
      database: lastValue(flags.database),
      breakLock: flags["break-lock"],
    },
    frame,
  );
  const done = how === "confirm" ? "confirmed; what it replaced was removed" : outcome.phase.replace("_", " ");
  if (flags.json) say({ message_type: "summary", ...outcome });
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
