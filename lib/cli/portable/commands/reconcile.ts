/** `portable reconcile`: merges duplicate rows of a table. */
import { EXIT, HoldfastError } from "../../../errors.ts";
import {
  planReconcile,
  reconcile as mergeRows,
  type ReconcilePlan,
  type ReconcileResult,
} from "../../../portable/reconcile/run.ts";
import { colors as pc } from "../../../report/colors.ts";
import { plural } from "../../../report/format.ts";
import { printable, printableLines } from "../../../report/printable.ts";
import { parseList, lastValue } from "../../core/arguments.ts";
import { defineCommand, type ParsedOptions } from "../../core/command.ts";
import { confirmTyped } from "../../core/confirm.ts";
import { SWITCH, TEXT, type OptionTable } from "../../core/options.ts";
import { printJson } from "../../core/print-json.ts";
import type { CommandFrame } from "../../core/run-command.ts";
import { configOf, withConnection } from "../database.ts";
import { DATABASE } from "../options.ts";
import { say } from "../report.ts";

const OPTIONS = {
  ...DATABASE,
  table: { ...TEXT, describe: "the table whose duplicate rows are merged" },
  by: { ...TEXT, describe: "the columns to compare (default: the key, else name)" },
  "dry-run": { ...SWITCH, describe: "do everything, then roll back" },
  yes: { ...SWITCH, describe: "skip the confirmation" },
} as const satisfies OptionTable;

export const reconcile = defineCommand({
  forms: ["--table NAME [--by COLUMNS] [--database URL]"],
  description: "Merges duplicate rows of a table, and redirects the references to them.",
  positionals: {},
  options: OPTIONS,
  run: async (flags, frame) => await reconcileTable(flags, frame),
});

type ReconcileFlags = ParsedOptions<typeof OPTIONS>;

/** Throws `E_USAGE`, `E_CONFIRM`, and what `reconcile` throws. */
async function reconcileTable(flags: ReconcileFlags, frame: CommandFrame): Promise<number> {
  const portable = configOf(flags)?.portable;
  const table = lastValue(flags.table);
  if (table === undefined)
    throw new HoldfastError("E_USAGE", "reconcile: missing option --table", {
      hint: "add --table NAME, e.g. --table category",
    });
  const by = flags.by === undefined ? [] : parseList("by", flags.by);
  const request = {
    table,
    by,
    keys: portable?.keys ?? {},
    generic: portable?.generic ?? [],
    foreignKeys: portable?.foreign_keys,
  };
  const plan = await withConnection(
    flags,
    "read",
    frame,
    async (connection) => await planReconcile(connection, request),
  );
  for (const text of plan.warnings) if (!flags.json) process.stderr.write(`${pc.yellow("!")} ${printable(text)}\n`);
  if (plan.groups.length === 0) {
    show(plan, { counts: new Map(), committed: false }, flags);
    return EXIT.ok;
  }
  if (!flags.json && !flags.quiet) process.stderr.write(`${printableLines(describe(plan))}\n`);
  if (!flags["dry-run"] && !flags.yes) await confirm(plan, frame.signal);
  const mode = { dryRun: flags["dry-run"], signal: frame.signal };
  const result = await withConnection(
    flags,
    "write",
    frame,
    async (connection) => await mergeRows(connection, plan, request, mode),
  );
  show(plan, result, flags);
  return EXIT.ok;
}

async function confirm({ table: { name } }: ReconcilePlan, signal: AbortSignal): Promise<void> {
  const refused = {
    message: "merged rows cannot be separated again; nothing was changed",
    hint: "check with --dry-run; then run on a terminal and type the table's name, or add --yes",
  };
  const differs = { hint: `type ${name}, or add --yes` };
  await confirmTyped({ word: name, purpose: "merge these rows", refused, differs }, signal);
}

const SHOWN = 50;

function describe({ table, by, columns, groups, links }: ReconcilePlan): string[] {
  const number = (table.primaryKey?.columns ?? []).map((name) => columns.indexOf(name));
  const rowText = ({ values, said, references }: ReconcilePlan["groups"][number]["stays"]): string =>
    `${number.map((at) => String(values[at])).join("+")} ` +
    `${said.map((one) => JSON.stringify(one)).join(", ")} ${pc.dim(`(${plural(references, "reference")})`)}`;
  return [
    pc.bold(`${table.id}: ${plural(groups.length, "group")} of rows with equal ${by.join(", ")}`),
    ...groups
      .slice(0, SHOWN)
      .map(({ stays, others }) => `${rowText(stays)} ${pc.green("replaces")} ${others.map(rowText).join("; ")}`),
    ...(groups.length > SHOWN ? [pc.dim(`and ${groups.length - SHOWN} more groups`)] : []),
    ...links.map(
      ({ table: from, columns: names, rows }) => `${from}.${names.join("+")}: redirect ${plural(rows, "row")}`,
    ),
  ];
}

function show(
  { table, by, columns, groups, links, warnings }: ReconcilePlan,
  { counts, committed }: ReconcileResult,
  flags: ReconcileFlags,
): void {
  const merged = groups.reduce((sum, { others }) => sum + others.length, 0);
  const tables = [...counts].map(([name, { moved, removed }]) => ({ table: name, moved, removed }));
  if (flags.json) {
    const named = (values: readonly unknown[]): Record<string, string> =>
      Object.fromEntries(
        (table.primaryKey?.columns ?? []).map((name) => [name, String(values[columns.indexOf(name)])]),
      );
    const rowOf = ({ values, said, references }: ReconcilePlan["groups"][number]["stays"]) => ({
      key: named(values),
      by: Object.fromEntries(by.map((name, at) => [name, said[at] ?? ""])),
      references,
    });
    return printJson({
      message_type: "summary",
      table: table.id,
      by,
      groups: groups.map(({ stays, others }) => ({ stays: rowOf(stays), goes: others.map(rowOf) })),
      links,
      tables,
      committed,
      warnings,
    });
  }
  if (flags.quiet) return;
  if (groups.length === 0) return say(`${pc.green("✓")} ${table.id}: no duplicate rows by ${by.join(", ")}`);
  for (const { table: name, moved, removed } of tables)
    say(`${name}: ${plural(moved, "row")} redirected, ${plural(removed, "row")} removed`);
  say(
    committed
      ? `${pc.green("✓")} ${table.id}: ${plural(merged, "row")} merged into ${groups.length}`
      : `${pc.yellow("○")} nothing was changed: a dry run`,
  );
}
