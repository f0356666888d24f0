/** Prints the results of `portable`: for people, or as JSON lines. */
import { computedIn } from "../../portable/schema/computed-columns.ts";
import type { PolymorphicRelation } from "../../portable/rows/polymorphic.ts";
import type { ImportResult } from "../../portable/import/run.ts";
import type { PortablePlan } from "../../portable/plan/run.ts";
import type { TableComparison } from "../../portable/compare/tables.ts";
import type { ExportSummary } from "../../portable/export/record-rows.ts";
import { colors as pc } from "../../report/colors.ts";
import { plural } from "../../report/format.ts";
import { printable } from "../../report/printable.ts";
import { printJson } from "../core/print-json.ts";

export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
}

export const say = (...lines: readonly string[]): void =>
  void process.stdout.write(lines.map((line) => `${printable(line)}\n`).join(""));
const warn = (texts: readonly string[]): void => {
  for (const text of texts) process.stderr.write(`${pc.yellow("!")} ${printable(text)}\n`);
};

export function showPlan(
  { tables, conditions, leftOut, deferred, components, warnings }: PortablePlan,
  output: Output,
): void {
  const lines = tables.map(({ table, key, fields, leftOut: columns = [] }) => ({
    table: table.id,
    rows_about: table.estimatedRows,
    key: key.kind,
    columns: [...key.columns],
    reason: key.reason,
    links: table.foreignKeys.map((link) => `${link.columns.join("+")} → ${link.target}`),
    generic: fields.flatMap((one) => (one.kind === "generic" ? [one.relation].map(describeGeneric) : [])),
    columns_left_out: [...columns],
    columns_computed: computedIn(table),
    where: conditions.get(table.id) ?? [],
    columns_replaced: fields.flatMap((one) => (one.kind === "value" && one.replaced ? [one.column.name] : [])),
  }));
  const left = [...leftOut].map(([table, why]) => ({ table, why }));
  if (output.json)
    return printJson({ message_type: "summary", tables: lines, components, left_out: left, deferred, warnings });
  const width = Math.max(0, ...lines.map(({ table }) => table.length));
  for (const { table, key, columns, reason } of lines)
    say(`${table.padEnd(width)}  ${KINDS[key]} ${columns.join(", ")}  ${pc.dim(reason)}`);
  for (const { table, where } of lines)
    for (const { column, ...range } of where) say(pc.dim(`only: ${table}.${column} ${JSON.stringify(range)}`));
  for (const { table, generic } of lines)
    for (const { type, id, tables: targets } of generic)
      say(pc.dim(`generic: ${table}.${id} references by ${type}: ${targets.join(", ") || "no table"}`));
  for (const { table, columns_left_out: out, columns_replaced: replaced, columns_computed: computed } of lines) {
    if (out.length > 0) say(pc.dim(`columns left out: ${table} ${out.join(", ")}`));
    if (replaced.length > 0) say(pc.dim(`columns replaced: ${table} ${replaced.join(", ")}`));
    sayComputed(table, computed);
  }
  for (const { name, tables: members } of components) say(pc.dim(`component ${name}: ${members.join(", ")}`));
  for (const { table, foreignKey } of deferred)
    say(pc.dim(`${table}.${foreignKey} is set after all rows are inserted`));
  for (const { table, why } of left) say(pc.dim(`left out: ${table} (${why})`));
  warn(warnings);
}

function sayComputed(table: string, columns: readonly string[]): void {
  if (columns.length > 0) say(pc.dim(`computed columns, left out: ${table} ${columns.join(", ")}`));
}

const describeGeneric = ({ type, column, targets }: PolymorphicRelation) => ({
  type,
  id: column,
  tables: targets.map(({ link }) => link.target),
});

const KINDS = { natural: "key", reference: pc.yellow("generated id"), none: pc.red("no key") } as const;

export function showExport(
  path: string,
  { data_counts, warnings, columns_computed }: ExportSummary & { readonly columns_computed: Record<string, string[]> },
  output: Output,
): void {
  const counts = Object.values(data_counts);
  const rows = counts.reduce((sum, count) => sum + count, 0);
  if (output.json)
    return printJson({ message_type: "summary", path, rows, tables: data_counts, columns_computed, warnings });
  if (output.quiet) return;
  warn(warnings);
  for (const [table, columns] of Object.entries(columns_computed)) sayComputed(table, columns);
  say(`${pc.green("✓")} ${plural(counts.length, "table")}, ${plural(rows, "row")}`, path);
}

export function showImport({ tables, made, mapped, warnings, committed }: ImportResult, output: Output): void {
  if (output.json)
    return printJson({ message_type: "summary", committed, tables, created_disabled: made, mapped, warnings });
  warn(warnings);
  if (output.quiet) return;
  const width = Math.max(5, ...tables.map(({ table }) => table.length));
  say(pc.dim(`${"table".padEnd(width)}  created  updated  unchanged  skipped`));
  for (const { table, created, updated, unchanged, skipped, remapped } of tables) {
    const cells = [
      String(created).padStart(7),
      String(updated).padStart(8),
      String(unchanged).padStart(10),
      String(skipped).padStart(8),
    ];
    say(
      `${table.padEnd(width)}  ${cells.join(" ")}` +
        (remapped.count === 0 ? "" : pc.yellow(`  ${remapped.count} renumbered`)),
    );
    for (const { key, was, is } of remapped.samples) say(pc.dim(`  ${key}: ${was} → ${is}`));
  }
  for (const { table, key } of made) say(pc.yellow(`created disabled ${table} ${key}`));
  for (const { table, from, to, rows, links } of mapped)
    say(
      `${table} ${from} is mapped to ${to}: skipped ${plural(rows, "row")}, redirected ${plural(links, "reference")}`,
    );
  say(committed ? `${pc.green("✓")} imported` : `${pc.yellow("○")} nothing was changed: a dry run`);
}

export function showComparison(comparisons: readonly TableComparison[], output: Output): void {
  if (output.json)
    return printJson({ message_type: "summary", ok: comparisons.every(({ same }) => same), tables: comparisons });
  for (const { table, exported, found, same } of comparisons)
    if (!same || !output.quiet)
      say(
        `${same ? pc.green("✓") : pc.red("✗")} ${table}: ` +
          (same
            ? plural(found, "row")
            : `${exported} rows in the export, ${found} here${exported === found ? ", not the same ones" : ""}`),
      );
}
