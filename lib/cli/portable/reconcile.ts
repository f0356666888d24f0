/** `portable reconcile`: merges duplicate rows of a table. */
import { EXIT, HoldfastError } from "../../errors.ts";
import type { Connection } from "../../portable/engine/connection.ts";
import type { ConnectionMode } from "../../portable/engine/session.ts";
import { planReconcile, reconcile, type ReconcilePlan, type ReconcileResult } from "../../portable/reconcile/run.ts";
import type { SiteConfig } from "../../config/load.ts";
import { colors as pc } from "../../report/colors.ts";
import { plural } from "../../report/format.ts";
import { printable, printableLines } from "../../report/printable.ts";
import { parseList, lastValue } from "../core/arguments.ts";
import { ask } from "../core/confirm.ts";
import { json, say } from "./report.ts";

/** The flags of the verb beside those of every command. */
export const RECONCILE_FLAGS: readonly string[] = ["table", "by", "dry-run", "yes"];

type Given = string | string[] | undefined;

interface ReconcileFlags {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly table?: Given;
  readonly by?: Given;
  readonly "dry-run": boolean;
  readonly yes: boolean;
}

export interface ReconcileSite {
  readonly portable: SiteConfig["portable"];
  readonly signal: AbortSignal;
  readonly withConnection: <T>(mode: ConnectionMode, work: (connection: Connection) => Promise<T>) => Promise<T>;
}

/** Throws `E_USAGE`, `E_CONFIRM`, and what `reconcile` throws. */
export async function reconcileCommand(
  flags: ReconcileFlags,
  { portable, signal, withConnection }: ReconcileSite,
): Promise<number> {
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
  const plan = await withConnection("read", async (connection) => await planReconcile(connection, request));
  for (const text of plan.warnings) if (!flags.json) process.stderr.write(`${pc.yellow("!")} ${printable(text)}\n`);
  if (plan.groups.length === 0) {
    show(plan, { counts: new Map(), committed: false }, flags);
    return EXIT.ok;
  }
  if (!flags.json && !flags.quiet) process.stderr.write(`${printableLines(describe(plan))}\n`);
  if (!flags["dry-run"]) await confirm(plan, flags, signal);
  const result = await withConnection(
    "write",
    async (connection) => await reconcile(connection, plan, request, { dryRun: flags["dry-run"], signal }),
  );
  show(plan, result, flags);
  return EXIT.ok;
}

/** Asks for the table's name: a plain yes is typed too easily. */
async function confirm({ table: { name } }: ReconcilePlan, flags: ReconcileFlags, signal: AbortSignal): Promise<void> {
  if (flags.yes) return;
  if (!process.stdin.isTTY)
    throw new HoldfastError("E_CONFIRM", "merged rows cannot be separated again; nothing was changed", {
      hint: "check with --dry-run; then run on a terminal and type the table's name, or add --yes",
    });
  if ((await ask(`Type ${name} to merge these rows: `, signal)) !== name)
    throw new HoldfastError("E_CONFIRM", "not confirmed; nothing was changed", { hint: `type ${name}, or add --yes` });
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
    return json("summary", {
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
