/** `portable export`: writes an export in one of three formats. */
import path from "node:path";
import type { SiteConfig } from "../../../config/load.ts";
import { EXIT, HoldfastError } from "../../../errors.ts";
import type { Connection } from "../../../portable/engine/connection.ts";
import { exportTables, type ExportRequest } from "../../../portable/export/run.ts";
import type { PortablePlan } from "../../../portable/plan/run.ts";
import { exportDjangoZip } from "../../../portable/export/django/zip.ts";
import { NAME_STYLES, knownZone, packageName } from "../../../portable/export/django/file-name.ts";
import { exportNativeZip } from "../../../portable/export/native-zip.ts";
import { exportRecords } from "../../../portable/export/records/write.ts";
import { computedByTable } from "../../../portable/schema/computed-columns.ts";
import type { ExportHooks, ExportSummary } from "../../../portable/export/record-rows.ts";
import { redact } from "../../../report/redact.ts";
import { lastValue, parseList } from "../../core/arguments.ts";
import { instanceOf } from "../../../steps/portable/instance.ts";
import { progressOf } from "../progress.ts";
import { showExport, showPlan } from "../report.ts";
import { settingsOf } from "../settings.ts";
import { planDatabase } from "../../../portable/plan/database.ts";
import { assertUsersDeclared } from "../../../portable/plan/user-references.ts";
import { defineCommand, type ParsedOptions } from "../../core/command.ts";
import { SWITCH, TEXT, type OptionTable } from "../../core/options.ts";
import { configOf, withConnection } from "../database.ts";
import { COMPONENT, DATABASE, ORIGIN, SET, TABLES } from "../options.ts";
import { selectionOf } from "../plan-request.ts";
import { SET_CONFLICTS } from "../table-set.ts";

const FORMATS = ["native", "records", "zip"] as const;
type Format = (typeof FORMATS)[number];
/** Flags of one format only. */
const OF_ZIP = ["media", "time-zone", "name-style"] as const;

const OPTIONS = {
  ...DATABASE,
  output: { ...TEXT, alias: "o", describe: "the directory to write into, or a .zip file" },
  format: {
    ...TEXT,
    choices: FORMATS,
    default: "native",
    describe: "native, one file of records per table, or a ZIP as Django writes it",
  },
  media: { ...TEXT, describe: "--format zip: the media directory (default: the config's)" },
  "time-zone": {
    ...TEXT,
    describe: "--format zip: time zone of its name, as Area/City (default: the config's, else this host's)",
  },
  "name-style": {
    ...TEXT,
    choices: NAME_STYLES,
    describe: "--format zip: sortable (YYYYMMDD_HHMMSS) or us (MMDDYY_HHMMSS)",
  },
  timestamp: {
    type: "boolean",
    default: true,
    describe: "write into a directory named by the time; --no-timestamp into --output itself",
  },
  ...TABLES,
  component: COMPONENT,
  set: SET,
  "list-models": { ...SWITCH, describe: "list the tables and exit" },
  "dry-run": { ...SWITCH, describe: "show the plan; write nothing" },
  ...ORIGIN,
} as const satisfies OptionTable;

export const exportDatabase = defineCommand({
  forms: ["-o DIR [--database URL]"],
  description: "Exports a database as JSON with natural keys: SQLite, PostgreSQL, MySQL or MariaDB.",
  positionals: {},
  options: OPTIONS,
  rules: { conflicts: SET_CONFLICTS },
  async run(flags, frame) {
    exportFormat(flags);
    return await withConnection(flags, "read", frame, async (connection) => {
      const config = configOf(flags);
      const plan = await planDatabase(connection, selectionOf(flags), config?.portable?.generic);
      if (flags["list-models"] || flags["dry-run"]) {
        showPlan(plan, flags);
        return EXIT.ok;
      }
      await assertUsersDeclared(connection, plan, "left out");
      return await exportTo(connection, plan, flags, { config, signal: frame.signal });
    });
  },
});

type ExportFlags = ParsedOptions<typeof OPTIONS>;

/** Throws `E_USAGE` for a flag that does not apply to the format, before connecting to a database. */
function exportFormat(flags: ExportFlags): Format {
  const format = lastValue(flags.format) ?? "native";
  const unused = OF_ZIP.find((name) => format !== "zip" && flags[name] !== undefined);
  if (unused !== undefined) throw new HoldfastError("E_USAGE", `--${unused} does not apply to --format ${format}`);
  return format;
}

/** Writes the export that the flags ask for, and prints its path. `config` is the site's, if one was read. */
async function exportTo(
  connection: Connection,
  plan: PortablePlan,
  flags: ExportFlags,
  { config, signal }: { readonly config: SiteConfig | undefined; readonly signal: AbortSignal },
): Promise<number> {
  const total = plan.tables.reduce((sum, { table }) => sum + Math.max(0, table.estimatedRows), 0);
  const progress = progressOf(flags, { total });
  const hooks: ExportHooks = { signal, onRows: (table, rows) => progress.rows(table, "exporting", rows) };
  const { output, write } = destination(flags, config);
  const request = {
    output,
    sourceName: lastValue(flags["source-name"]) ?? null,
    sourceUrl: redact(lastValue(flags["source-url"]) ?? "") || null,
    instance: await instanceOf(config),
    settings: exportFormat(flags) === "native" ? await settingsOf(config, signal) : undefined,
  };
  const summary = await write(connection, plan, request, hooks);
  progress.end();
  showExport(path.resolve(output), { ...summary, columns_computed: computedByTable(plan.tables) }, flags);
  return EXIT.ok;
}

interface Destination {
  readonly output: string;
  write(connection: Connection, plan: PortablePlan, request: ExportRequest, hooks: ExportHooks): Promise<ExportSummary>;
}

function destination(flags: ExportFlags, config: SiteConfig | undefined): Destination {
  const given = lastValue(flags.output);
  if (given === undefined)
    throw new HoldfastError("E_USAGE", "export: missing option --output", { hint: "add -o DIRECTORY" });
  const createdAt = new Date();
  const isFile = given.toLowerCase().endsWith(".zip");
  const stamp = createdAt.toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "_");
  const directory = flags.timestamp ? path.join(given, `export_${stamp}`) : given;
  switch (exportFormat(flags)) {
    case "native":
      if (isFile) return { output: given, write: exportNativeZip };
      return {
        output: directory,
        write: async (connection, plan, request, { onRows }) => await exportTables(connection, plan, request, onRows),
      };
    case "records":
      if (isFile) throw new HoldfastError("E_USAGE", "--format records writes a directory, but -o names a .zip file");
      return { output: directory, write: exportRecords };
    case "zip": {
      const timeZone = knownZone(lastValue(flags["time-zone"]) ?? config?.portable?.time_zone);
      const style = lastValue(flags["name-style"]) ?? "sortable";
      if (!isFile && !flags.timestamp)
        throw new HoldfastError("E_USAGE", "--no-timestamp needs the name of a .zip file with -o");
      if (isFile && flags["name-style"] !== undefined)
        throw new HoldfastError("E_USAGE", "--name-style does not apply if -o names the file");
      const name = packageName(lastValue(flags["source-name"]) ?? config?.site ?? "backup", createdAt, timeZone, style);
      const media = mediaOf(flags, config);
      return {
        output: isFile ? given : path.join(given, name),
        write: async (connection, plan, request, hooks) =>
          await exportDjangoZip(connection, plan, { ...request, createdAt, timeZone, media }, hooks),
      };
    }
  }
}

function mediaOf(flags: ExportFlags, config: SiteConfig | undefined): string[] {
  const named = parseList("media", flags.media);
  if (named.length > 0) return named.map((one) => path.resolve(one));
  return (config?.snapshots?.media ?? []).map((one) => path.resolve(config?.root ?? ".", one));
}
