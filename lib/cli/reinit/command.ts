/** `reinit`: clears what users created, and keeps what the config lists. */
import path from "node:path";
import { EXIT, HoldfastError } from "../../errors.ts";
import { recoverReinitOf, reinitSite, reinitSummary } from "../../api/reinit.ts";
import type { ReinitOutcome, ReinitPreview } from "../../ops/reinit/run.ts";
import { rowsToClear } from "../../portable/reinit/plan.ts";
import { colors as pc } from "../../report/colors.ts";
import { plural } from "../../report/format.ts";
import { printable, printableLines } from "../../report/printable.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { confirmTyped } from "../core/confirm.ts";
import { requireSiteConfig } from "../core/site-config.ts";
import { withGivenFlags } from "../core/given-flags.ts";
import { SWITCH } from "../core/options.ts";
import { printJson } from "../core/print-json.ts";
import type { OutputFlags } from "../core/run-command.ts";

export const reinit = defineCommand({
  forms: ["--dry-run | --recover"],
  description:
    "Clears what users created, in one transaction, and keeps the tables and rows that the config lists " +
    "(portable.reinit).\nMakes a safety backup first.",
  positionals: {},
  options: {
    "dry-run": { ...SWITCH, describe: "show the plan with its counts; change nothing" },
    yes: { ...SWITCH, describe: "do not ask; only together with --i-mean-it" },
    "i-mean-it": { ...SWITCH, describe: "do not ask; only together with --yes" },
    recover: { ...SWITCH, describe: "end an interrupted reinit: finish it, or roll it back" },
  },
  rules: { modes: { recover: [] } },
  async run(flags, frame) {
    const config = requireSiteConfig(lastValue(flags.config));
    const dest = lastValue(flags.dest) ?? config.dest;
    if (dest === undefined)
      throw new HoldfastError("E_USAGE", "no store is given: neither --dest nor dest in the config");
    const store = path.resolve(dest);
    if (flags.recover) {
      const ended = await recoverReinitOf({ config, store }, frame);
      if (flags.json) printJson({ message_type: "summary", ...ended });
      else if (!flags.quiet) {
        const phase = ended.phase === "taken back" ? "rolled back" : ended.phase;
        process.stdout.write(`${pc.green("✓")} the reinit ${ended.reinit} is ${phase}\n`);
      }
      return EXIT.ok;
    }
    const outcome = await reinitSite(
      { config, store },
      { dryRun: flags["dry-run"] },
      {
        ...frame,
        confirm: async (preview) => await confirm(preview, flags, frame.signal),
        onPhase: (phase) => {
          if (flags.json) printJson({ message_type: "status", phase });
          else if (!flags.quiet) process.stderr.write(`${pc.dim(`${phase} …`)}\n`);
        },
      },
    );
    show(outcome, flags);
    const { problems } = outcome.preview.plan;
    return problems.length === 0 ? EXIT.ok : EXIT.failed;
  },
});

interface ConfirmFlags extends OutputFlags {
  readonly yes: boolean;
  readonly "i-mean-it": boolean;
}

/** Asks for the site's name, unless both flags that replace it are given. */
async function confirm(preview: ReinitPreview, flags: ConfirmFlags, signal: AbortSignal): Promise<void> {
  if (!flags.json && !flags.quiet) process.stderr.write(`${printableLines(describe(preview))}\n`);
  if (flags.yes && flags["i-mean-it"]) return;
  const refused = {
    message: "a reinit needs confirmation; nothing was changed",
    hint: "type the site's name when asked, or use --yes --i-mean-it without a terminal",
  };
  if (flags.yes !== flags["i-mean-it"]) throw new HoldfastError("E_CONFIRM", refused.message, { hint: refused.hint });
  await confirmTyped({ word: preview.site, purpose: "clear it", refused }, signal);
}

function describe({ plan, moves, adminCommand, unit }: ReinitPreview): string[] {
  const width = Math.max(0, ...plan.tables.map(({ table }) => table.id.length));
  return [
    pc.bold(`${unit}: ${plural(rowsToClear(plan), "row")} to clear`),
    ...plan.tables.map(({ table, action, clears, keeps, why }) => {
      const what =
        action === "keep"
          ? `keeps all ${keeps}`
          : action === "clear"
            ? `clears all ${clears}`
            : `clears ${clears}, keeps ${keeps}`;
      return `${table.id.padEnd(width)}  ${what}  ${pc.dim(why)}`;
    }),
    ...moves.map(({ live, aside }) => `${live} moves to ${aside}`),
    ...(adminCommand === undefined ? [] : [`then: ${adminCommand.join(" ")}`]),
    ...plan.warnings.map((text) => `${pc.yellow("!")} ${text}`),
    ...plan.problems.map((text) => `${pc.red("✗")} ${text}`),
  ];
}

function show(outcome: ReinitOutcome, flags: OutputFlags): void {
  if (flags.json) return printJson({ message_type: "summary", ...reinitSummary(outcome) });
  const { reinit: id, safetyRun, preview, rows, warnings } = outcome;
  for (const text of warnings) process.stderr.write(`${pc.yellow("!")} ${printable(text)}\n`);
  if (flags.quiet) return;
  if (id === null) process.stdout.write(`${printableLines(describe(preview))}\ndry run: nothing was changed\n`);
  else {
    const undo = `${withGivenFlags("npx tsx scripts/restore.ts")} --in-place --run ${safetyRun ?? ""}`;
    process.stdout.write(
      `${pc.green("✓")} ${plural(rows, "row")} cleared; the safety backup is ${safetyRun ?? ""}: ${undo} restores it\n`,
    );
  }
}
