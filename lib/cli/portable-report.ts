/** What `portable` says: for people, or as JSON lines. */
import type { CompatibilityReport } from "../portable/check.ts";
import type { ExportManifest } from "../portable/format.ts";
import type { ImportResult } from "../portable/import.ts";
import type { Package } from "../portable/package.ts";
import type { PortablePlan } from "../portable/plan.ts";
import type { TableComparison } from "../portable/verify.ts";
import { colors as pc } from "../report/colors.ts";
import { plural } from "../report/format.ts";

interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
}

const json = (type: string, value: object): void =>
  void process.stdout.write(`${JSON.stringify({ message_type: type, ...value })}\n`);
const say = (...lines: readonly string[]): void => void process.stdout.write(`${lines.join("\n")}\n`);
const warn = (texts: readonly string[]): void => {
  for (const text of texts) process.stderr.write(`${pc.yellow("!")} ${text}\n`);
};

export function showPlan({ tables, leftOut, deferred, components, warnings }: PortablePlan, output: Output): void {
  const lines = tables.map(({ table, key }) => ({
    table: table.id,
    rows_about: table.estimatedRows,
    key: key.kind,
    columns: [...key.columns],
    reason: key.reason,
    links: table.foreignKeys.map(({ columns, target }) => `${columns.join("+")} → ${target}`),
  }));
  const left = [...leftOut].map(([table, why]) => ({ table, why }));
  if (output.json) return json("summary", { tables: lines, components, left_out: left, deferred, warnings });
  const width = Math.max(0, ...lines.map(({ table }) => table.length));
  for (const { table, key, columns, reason } of lines)
    say(`${table.padEnd(width)}  ${KINDS[key]} ${columns.join(", ")}  ${pc.dim(reason)}`);
  for (const { name, tables: members } of components) say(pc.dim(`component ${name}: ${members.join(", ")}`));
  for (const { table, foreignKey } of deferred)
    say(pc.dim(`${table}.${foreignKey} is filled in when all rows are there`));
  for (const { table, why } of left) say(pc.dim(`left out: ${table} (${why})`));
  warn(warnings);
}

const KINDS = { natural: "by", reference: pc.yellow("by its number"), none: pc.red("by nothing") } as const;

export function showExport(directory: string, manifest: ExportManifest, output: Output): void {
  const rows = Object.values(manifest.data_counts).reduce((sum, count) => sum + count, 0);
  if (output.json)
    return json("summary", { path: directory, rows, tables: manifest.data_counts, warnings: manifest.warnings });
  if (output.quiet) return;
  warn(manifest.warnings);
  say(`${pc.green("✓")} ${plural(manifest.tables.length, "table")}, ${plural(rows, "row")}`, directory);
}

const ADVICE = {
  COMPATIBLE: "go ahead with the import",
  COMPATIBLE_WITH_WARNINGS: "read the warnings; --force imports in spite of them",
  INCOMPATIBLE: "do not import: bring this database to the schema of the export first",
} as const;

export function showCheck({ directory, manifest }: Package, report: CompatibilityReport, output: Output): void {
  if (output.json)
    return json("summary", {
      ...report,
      export: {
        path: directory,
        created_at: manifest.created_at,
        source: manifest.source,
        data_counts: manifest.data_counts,
      },
    });
  const rows = Object.entries(manifest.data_counts);
  const paint = { COMPATIBLE: pc.green, COMPATIBLE_WITH_WARNINGS: pc.yellow, INCOMPATIBLE: pc.red }[report.status];
  say(
    pc.bold("Export information"),
    `  made        ${manifest.created_at}`,
    `  source      ${[manifest.source.name, manifest.source.url].filter((one) => one !== null).join(", ") || "not named"}`,
    `  database    ${manifest.source.engine} ${manifest.source.server_version}`,
    `  migrations  ${manifest.schema_versions === null ? "none known" : `${manifest.schema_versions.applied.length}, ${manifest.schema_versions.tool}`}`,
    pc.bold("Current instance"),
    `  database    ${report.here.engine} ${report.here.server_version}`,
    `  migrations  ${report.here.migrations ?? "none known"}`,
    pc.bold("Status"),
    `  ${paint(report.status)}`,
    ...report.problems.map((text) => `  ${pc.red("✗")} ${text}`),
    ...report.warnings.map((text) => `  ${pc.yellow("!")} ${text}`),
    pc.bold("Data summary"),
    ...rows.map(([table, count]) => `  ${String(count).padStart(9)}  ${table}`),
    pc.bold("Recommendation"),
    `  ${ADVICE[report.status]}`,
  );
}

export function showImport({ tables, warnings, committed }: ImportResult, output: Output): void {
  if (output.json) return json("summary", { committed, tables, warnings });
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
      `${table.padEnd(width)}  ${cells.join(" ")}${remapped.count === 0 ? "" : pc.yellow(`  ${remapped.count} with another number here`)}`,
    );
    for (const { key, was, is } of remapped.samples) say(pc.dim(`  ${key}: ${was} → ${is}`));
  }
  say(committed ? `${pc.green("✓")} imported` : `${pc.yellow("○")} nothing was changed: a dry run`);
}

export function showComparison(comparisons: readonly TableComparison[], output: Output): void {
  if (output.json) return json("summary", { ok: comparisons.every(({ same }) => same), tables: comparisons });
  for (const { table, exported, found, same } of comparisons)
    if (!same || !output.quiet)
      say(
        `${same ? pc.green("✓") : pc.red("✗")} ${table}: ${same ? plural(found, "row") : `${exported} rows in the export, ${found} here${exported === found ? ", not the same ones" : ""}`}`,
      );
}
