/** The compatibility report of `check`: in sections for people, or as one line of JSON. */
import type { CompatibilityReport, ConfigurationReport } from "../../portable/compare/compatibility.ts";
import type { Applied } from "../../portable/format/versions.ts";
import { EXPORT_VERSION, type ExportManifest } from "../../portable/format/documents.ts";
import type { ExportReader } from "../../portable/read/export-reader.ts";
import type { Setting } from "../../portable/format/settings.ts";
import type { Severity } from "../../portable/compare/settings-diff.ts";
import { colors as pc } from "../../report/colors.ts";
import { plural } from "../../report/format.ts";
import { printJson } from "../core/print-json.ts";
import { say, type Output } from "./report.ts";

const WIDTH = 60;
const RECOMMENDATION = {
  COMPATIBLE: "This export is compatible and can be imported.",
  COMPATIBLE_WITH_WARNINGS: "This export can be imported with --force. Read the warnings first.",
  INCOMPATIBLE: "Do not import this export: fix the problems above first.",
} as const;

const PAINT = { COMPATIBLE: pc.green, COMPATIBLE_WITH_WARNINGS: pc.yellow, INCOMPATIBLE: pc.red } as const;
const MARK = { COMPATIBLE: "✓", COMPATIBLE_WITH_WARNINGS: "!", INCOMPATIBLE: "✗" } as const;

/** Prints the report; its counts cover the selected tables. */
export function showCheck(
  { directory, manifest, tables }: ExportReader,
  report: CompatibilityReport,
  output: Output,
): void {
  const { source, schema_versions } = manifest;
  const data_counts = Object.fromEntries(tables.map(({ table }) => [table, manifest.data_counts[table] ?? 0]));
  const total = Object.values(data_counts).reduce((sum, count) => sum + count, 0);
  const recommendation = recommendationOf(report);
  const { path, format, version, created_at, database } = manifest.origin ?? {
    path: directory,
    format: manifest.export_format,
    version: manifest.export_version,
    created_at: manifest.created_at,
    database: `${source.engine} ${source.server_version}`,
  };
  if (output.json) {
    const exportSource = manifest.origin === undefined ? source : { name: source.name, url: source.url, database };
    const about = { path, export_format: format, export_version: version, created_at, source: exportSource };
    const here = { export_version: EXPORT_VERSION, ...report.here };
    const { left_out, columns_computed = {}, warnings } = manifest.origin === undefined ? manifest : NOTHING_LEFT;
    const left = { left_out, columns_computed, warnings };
    const exported = { ...about, schema_versions, data_counts, records: total, ...left };
    const more = { values: report.values === true, here, export: exported, recommendation: recommendation.join(" ") };
    return printJson({ message_type: "summary", ...report, ...more });
  }
  const paint = PAINT[report.status];
  section(
    "EXPORT INFORMATION",
    field("Path", path),
    field("Export Version", version ?? "unknown"),
    field("Export Format", format),
    field("Created", created_at ?? "unknown"),
    field("Source Portal", source.name ?? "unknown"),
    field("Source URL", source.url ?? "unknown"),
    field("Database", database ?? "unknown"),
    field("Schema Version", schemaVersion(schema_versions)),
  );
  section(
    "CURRENT INSTANCE",
    field("Export Version", EXPORT_VERSION),
    field("Database", `${report.here.engine} ${report.here.server_version}`),
    field("Schema Version", schemaVersion(report.here.schema_versions)),
  );
  section(
    "COMPATIBILITY CHECK",
    `Status: ${paint(report.status)}`,
    ...report.problems.map((text) => `  ${pc.red("✗")} ${text}`),
    ...report.warnings.map((text) => `  ${pc.yellow("!")} ${text}`),
  );
  if (report.configuration !== undefined) section("CONFIGURATION", ...configurationLines(report.configuration));
  section(
    "DATA SUMMARY",
    ...Object.entries(data_counts).map(([table, count]) => records(table, count)),
    "-".repeat(WIDTH),
    records("TOTAL", total),
  );
  const left = leftBehind(manifest);
  if (left.length > 0) section("LEFT BEHIND BY THE EXPORT", ...left);
  const [advice = "", ...more] = recommendation;
  section("RECOMMENDATION", `${paint(MARK[report.status])} ${advice}`, ...more);
}

const NOTHING_LEFT: Pick<ExportManifest, "left_out" | "columns_computed" | "warnings"> = { left_out: [], warnings: [] };

/** Returns what an export of ours leaves out, and the warnings given when it was made. */
function leftBehind({ origin, left_out, columns_computed = {}, warnings }: ExportManifest): string[] {
  if (origin !== undefined) return [];
  return [
    ...left_out.map(({ table, why }) => `  ${table} (${why})`),
    ...Object.entries(columns_computed).map(([table, columns]) => `  ${table}: ${columns.join(", ")} (computed)`),
    ...warnings.map((text) => `  ${pc.yellow("!")} ${text}`),
  ];
}

/** Returns the recommendation, and what was not checked. */
function recommendationOf({ status, values = false }: CompatibilityReport): string[] {
  const advice = RECOMMENDATION[status];
  if (values || status === "INCOMPATIBLE") return [advice.replace("is compatible", "is fully compatible")];
  return [advice, "The values were not checked: --values imports all of them and rolls back."];
}

function section(title: string, ...lines: readonly string[]): void {
  const bar = "=".repeat(WIDTH);
  say(bar, pc.bold(title), bar, ...lines, "");
}

const field = (name: string, value: string): string => `${`${name}:`.padEnd(18)} ${value}`;
const records = (name: string, count: number): string => {
  const number = plural(count, "record");
  return `  ${name.padEnd(WIDTH - 2 - number.length)}${number}`;
};

/** Returns the last migration; if each application has its own, those of the first few. */
function schemaVersion(versions: Applied | null): string {
  if (versions === null) return "no migrations";
  const { tool, applied } = versions;
  const last = applied.length === 0 ? "none" : tool === "Django" ? lastOfEach(applied) : (applied.at(-1) ?? "");
  return `${last} (${plural(applied.length, "migration")}, ${tool})`;
}

function lastOfEach(applied: readonly string[]): string {
  const last = [...new Map(applied.map((name) => [name.split(".")[0], name])).values()];
  return `${last.slice(0, 4).join(", ")}${last.length > 4 ? ` and of ${last.length - 4} more apps` : ""}`;
}

/** The number of differences shown; beyond it, those for information are only counted. */
const SHOWN = 20;

function configurationLines({ not_compared, ignored, counts, differences }: ConfigurationReport): string[] {
  if (not_compared !== null) return [`Not compared: ${not_compared}`];
  if (differences.length === 0) return ["The settings are the same."];
  const shown = differences.filter(({ severity }, at) => severity !== "info" || at < SHOWN);
  const more = differences.length - shown.length;
  return [
    `${counts.critical} critical, ${plural(counts.warning, "warning")}, ${counts.info} for ` +
      `information${ignored ? " (ignored)" : ""}`,
    ...shown.flatMap(({ name, change, severity, impact, there, here }) => [
      `  ${MARKS[severity]} ${severity.padEnd(8)} ${name} ` +
        `${change === "changed" ? "differs" : `is ${change}`}: ` +
        `${shownValue(there)} in the export, ${shownValue(here)} here`,
      pc.dim(`    ${impact}`),
    ]),
    ...(more > 0 ? [pc.dim(`  and ${more} more for information: --json shows all`)] : []),
  ];
}

const MARKS: Readonly<Record<Severity, string>> = {
  critical: pc.red("✗"),
  warning: pc.yellow("!"),
  info: pc.dim("·"),
};

function shownValue(setting: Setting | null): string {
  if (setting === null) return "missing";
  if (setting.present !== undefined) return setting.present ? "a secret" : "no secret";
  const text = JSON.stringify(setting.value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
