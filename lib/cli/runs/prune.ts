/** `prune`: removes the runs that the retention policy does not keep. */
import { colors as pc } from "../../report/colors.ts";
import { parsePolicy, pruneStore, pruneSummary } from "../../api/prune.ts";
import { EXIT } from "../../errors.ts";
import type { RetentionSettings } from "../../config/settings/retention.ts";
import type { Decision } from "../../ops/retention/history-run.ts";
import type { PruneOutcome } from "../../ops/retention/run.ts";
import { formatColumns } from "../../report/columns.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { printable } from "../../report/printable.ts";
import { defineCommand } from "../core/command.ts";
import { BREAK_LOCK, SWITCH, TEXT, type OptionTable } from "../core/options.ts";
import { printJson } from "../core/print-json.ts";
import { siteStoreOf } from "../core/store-path.ts";
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
  forms: ["--dest DIR [--keep-daily N …]"],
  description:
    "Removes the runs that the retention policy does not keep: that of the flags, else of the config, else 7 daily, " +
    "4 weekly and the last 2. Keep rules choose among good runs, and prefer proved ones.",
  positionals: {},
  options: {
    ...POLICY,
    "dry-run": { ...SWITCH, describe: "show what would be removed; change nothing" },
    "break-lock": BREAK_LOCK,
  },
  rules: { conflicts: [["dry-run", "break-lock"]] },
  async run(flags, frame) {
    const rules = rulesOf(flags);
    const dryRun = flags["dry-run"];
    const outcome = await pruneStore(
      await siteStoreOf(flags),
      { rules, dryRun, breakLock: flags["break-lock"] },
      frame,
    );
    if (flags.json) printJson({ message_type: "summary", ...pruneSummary(outcome, { dryRun }) });
    else {
      if (!flags.quiet) process.stdout.write(showOutcome(outcome, dryRun));
      for (const text of [outcome.blocked, outcome.cap])
        if (text !== null) process.stderr.write(`${pc.yellow("warning:")} ${text}\n`);
    }
    return outcome.blocked === null && outcome.cap === null ? EXIT.ok : EXIT.partial;
  },
});

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
