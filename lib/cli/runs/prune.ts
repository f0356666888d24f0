/** `prune`: removes the runs that the retention policy does not keep. */
import { existsSync } from "node:fs";
import { colors as pc } from "../../report/colors.ts";
import { parsePolicy, pruneOnTarget, pruneStore, pruneSummary, pruneTargetSummary } from "../../api/prune.ts";
import { EXIT } from "../../errors.ts";
import type { RetentionSettings } from "../../config/settings/retention.ts";
import type { Decision } from "../../ops/retention/history-run.ts";
import type { PruneOutcome } from "../../ops/retention/run.ts";
import { formatColumns } from "../../report/columns.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { printable } from "../../report/printable.ts";
import { printWarning } from "../../report/warning.ts";
import { findStore } from "../../store/open.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { BREAK_LOCK, SWITCH, TEXT, type OptionTable } from "../core/options.ts";
import { printJson } from "../core/print-json.ts";
import { configOfSite, requireSiteConfig } from "../core/site-config.ts";
import { storeOf } from "../core/store-path.ts";
import { describeProof } from "./proof.ts";

/** Flags with the names of the keys of `retention` in the config. */
const POLICY = {
  "keep-last": { ...TEXT, describe: "keep the last N good runs (a number or unlimited)" },
  "keep-hourly": { ...TEXT, describe: "keep one of each of the last N hours that have a good run" },
  "keep-daily": { ...TEXT, describe: "the same by days" },
  "keep-weekly": { ...TEXT, describe: "the same by weeks" },
  "keep-monthly": { ...TEXT, describe: "the same by months" },
  "keep-yearly": { ...TEXT, describe: "the same by years" },
  "keep-within": { ...TEXT, describe: "keep what was made within a time before the newest, such as 1y5m7d2h" },
  "keep-tag": {
    type: "string",
    array: true,
    requiresArg: true,
    describe: "keep runs with this tag, or with all of a,b; may be repeated",
  },
  "max-runs": { ...TEXT, describe: "hard cap: at most N runs; 0 is unlimited" },
  "max-age": { ...TEXT, describe: "hard cap: no run older than this, such as 90d; 0 is unlimited" },
  interval: { ...TEXT, describe: "the time between backups (1d); with none twice as young nothing is deleted" },
  "proof-max-age": { ...TEXT, describe: "how long a drill or a deep verification is a proof (35d)" },
  "time-zone": { ...TEXT, describe: "Area/City whose days and weeks count (default: this host's)" },
} as const satisfies OptionTable;

export const pruneCommand = defineCommand({
  forms: ["--dest DIR [--keep-daily N …]", "--target NAME [--delete] [--keep-daily N …]"],
  description:
    "Removes the runs that the retention policy does not keep: that of the flags, else of the config, else 7 daily, " +
    "4 weekly and the last 2. Keep rules choose among good runs, and prefer proved ones. With --target, those of a target, " +
    "which need the right to delete there, and --delete.",
  positionals: {},
  options: {
    ...POLICY,
    "dry-run": { ...SWITCH, describe: "show what would be removed; change nothing" },
    "break-lock": BREAK_LOCK,
    target: { ...TEXT, describe: "prune this target of the config instead of the store" },
    delete: { ...SWITCH, describe: "with --target: remove what would be removed, instead of showing it" },
  },
  rules: {
    conflicts: [
      ["dry-run", "break-lock"],
      ["dry-run", "delete"],
      ["target", "break-lock"],
    ],
    requires: { delete: ["target"] },
  },
  async run(flags, frame) {
    const rules = rulesOf(flags);
    const target = lastValue(flags.target);
    if (target !== undefined) return await pruneNamed({ ...flags, target, remove: flags.delete }, rules, frame.signal);
    const dryRun = flags["dry-run"];
    const store = storeOf(flags);
    const config = configOfSite((await findStore(store)).site, lastValue(flags.config));
    const outcome = await pruneStore({ store, config }, { rules, dryRun, breakLock: flags["break-lock"] }, frame);
    if (flags.json) printJson({ message_type: "summary", ...pruneSummary(outcome, { dryRun }) });
    else {
      if (!flags.quiet) process.stdout.write(showOutcome(outcome, dryRun));
      for (const text of [outcome.blocked, outcome.cap])
        if (text !== null) process.stderr.write(`${pc.yellow("warning:")} ${text}\n`);
    }
    return outcome.blocked === null && outcome.cap === null ? EXIT.ok : EXIT.partial;
  },
});

interface TargetFlags {
  readonly config?: string | string[] | undefined;
  readonly dest?: string | string[] | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly target: string;
  readonly remove: boolean;
}

/** Prunes a target; an administrator's machine needs no store for that. */
async function pruneNamed(flags: TargetFlags, rules: RetentionSettings, signal: AbortSignal): Promise<number> {
  const { target, remove, json, quiet } = flags;
  const config = requireSiteConfig(lastValue(flags.config));
  const dest = lastValue(flags.dest) ?? config.dest;
  const store = dest !== undefined && existsSync(dest) ? dest : undefined;
  const outcome = await pruneOnTarget(
    { store, config },
    { target, rules, remove },
    { signal, onWarning: printWarning },
  );
  if (json) printJson({ message_type: "summary", ...pruneTargetSummary(outcome) });
  else {
    const shown = { ...outcome, interrupted: [], freed_bytes: outcome.bytes };
    if (!quiet) process.stdout.write(showOutcome(shown, !remove));
    for (const text of [outcome.blocked, outcome.cap]) if (text !== null) printWarning(text);
    for (const { path, message } of outcome.kept) printWarning(`${path} stays: ${message}`);
  }
  return outcome.blocked === null && outcome.cap === null && outcome.kept.length === 0 ? EXIT.ok : EXIT.partial;
}

/** Returns the rules that flags give. Throws `E_USAGE` for an invalid value. */
function rulesOf(flags: Readonly<Record<string, unknown>>): RetentionSettings {
  const values = Object.keys(POLICY).flatMap((name) => {
    const value = flags[name];
    if (value === undefined) return [];
    return [[name.replaceAll("-", "_"), Array.isArray(value) && name !== "keep-tag" ? value.at(-1) : value] as const];
  });
  return parsePolicy(Object.fromEntries(values), (key) => `--${key.replaceAll("_", "-")}`);
}

const HEADS = ["run", "standing", "proof", "action", "why"];

function showOutcome(outcome: PruneOutcome, dryRun: boolean): string {
  const { decisions, interrupted, freed_bytes } = outcome;
  const going = decisions.filter(({ keep }) => !keep).length;
  const [done, mark] = dryRun ? ["would be removed", ""] : ["removed", `${pc.green("✓")} `];
  const parts = [
    `${plural(decisions.length - going, "run")} kept`,
    `${going} ${done}`,
    ...(interrupted.length > 0 ? [`${plural(interrupted.length, "interrupted run")} ${done}`] : []),
    `${formatBytes(freed_bytes)} ${dryRun ? "would be freed; nothing was changed" : "freed"}`,
  ];
  const table = decisions.length === 0 ? "" : formatColumns(HEADS, decisions.map(cellsOf));
  return `${table}${mark}${parts.join(", ")}\n`;
}

const cellsOf = ({ run, keep, standing, fault, proof, reasons, protections }: Decision): string[] =>
  [
    run,
    fault === null || standing === "damaged" ? standing : `${standing}: ${fault}`,
    proof === null ? "" : describeProof(proof),
    keep ? "keep" : "remove",
    [...protections.map(({ text }) => text.replace(/^is /, "")), ...reasons].join(", "),
  ].map(printable);
