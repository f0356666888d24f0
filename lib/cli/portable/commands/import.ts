/** `portable import`: imports an export into a database, in one transaction. */
import { EXIT, HoldfastError } from "../../../errors.ts";
import type { ImportMode } from "../../../portable/import/resolve/options.ts";
import { importTables } from "../../../portable/import/run.ts";
import type { ExportReader } from "../../../portable/read/export-reader.ts";
import { lastValue } from "../../core/arguments.ts";
import { defineCommand, type ParsedOptions } from "../../core/command.ts";
import { IDENTITY, SWITCH, TEXT, type OptionTable } from "../../core/options.ts";
import type { CommandFrame } from "../../core/run-command.ts";
import { assertCompatible, checkExport, EXITS } from "../compatibility.ts";
import { showCheck } from "../check-report.ts";
import { configOf, withConnection } from "../database.ts";
import { importRequestOf, type ImportChoices } from "../import-request.ts";
import { DATABASE, SET, SETTINGS, SOURCE, TABLES, VERIFY_CHECKSUM } from "../options.ts";
import { progressOf } from "../progress.ts";
import { showImport } from "../report.ts";
import { withSource } from "../source.ts";
import { SET_CONFLICTS } from "../table-set.ts";
import { withValuesTried } from "../values.ts";

const MODES = ["create-only", "update-only", "create-or-update"] as const satisfies readonly ImportMode[];

const OPTIONS = {
  ...DATABASE,
  ...TABLES,
  set: SET,
  mode: { ...TEXT, choices: MODES, default: "create-or-update", describe: "how to treat existing rows" },
  "dry-run": { ...SWITCH, describe: "do everything, then roll back" },
  validate: { ...SWITCH, describe: "check the export, its compatibility and its values, then exit" },
  values: { type: "boolean", describe: "with --validate (its default): import all values, then roll back" },
  "skip-conflicts": { ...SWITCH, describe: "skip rows that break a unique constraint" },
  force: { ...SWITCH, describe: "import despite warnings" },
  "verify-checksum": VERIFY_CHECKSUM,
  identity: IDENTITY,
  "clear-existing": { ...SWITCH, describe: "empty the tables first; needs --yes" },
  "into-other": {
    ...SWITCH,
    describe: "match rows by generated id even if the database may be another site's",
  },
  yes: { ...SWITCH, describe: "with --clear-existing: skip the confirmation" },
  ...SETTINGS,
} as const satisfies OptionTable;

export const importExport = defineCommand({
  forms: ["EXPORT [--database URL]"],
  description: "Imports an export into a database that has the application's tables, in one transaction.",
  positionals: SOURCE,
  options: OPTIONS,
  rules: {
    conflicts: [
      ["validate", "dry-run"],
      ["validate", "clear-existing"],
      ["validate", "skip-conflicts"],
      ["clear-existing", "mode=update-only"],
      ...SET_CONFLICTS,
    ],
  },
  async run(flags, frame) {
    if (flags.values !== undefined && !flags.validate)
      throw new HoldfastError(
        "E_USAGE",
        "--values has no effect without --validate: an import checks every value anyway",
        { hint: "add --validate, or remove --values" },
      );
    return await withSource(flags, frame, async (open) => await importFrom(open, flags, frame));
  },
});

type Flags = ParsedOptions<typeof OPTIONS>;

async function importFrom(open: () => Promise<ExportReader>, flags: Flags, frame: CommandFrame): Promise<number> {
  if (flags["clear-existing"] && !flags.yes && !flags["dry-run"])
    throw new HoldfastError("E_CONFIRM", "--clear-existing empties every table of the export first", {
      hint: "add --yes",
    });
  const found = await open();
  const around = { config: configOf(flags), signal: frame.signal };
  const report = await withConnection(
    flags,
    "read",
    frame,
    async (one) => await checkExport(one, found, flags, around),
  );
  assertCompatible(report, flags.force || flags["dry-run"] || flags.validate);
  const choices = choicesOf(flags);
  if (flags.validate) {
    const tried = flags.values === false ? report : await withValuesTried(flags, frame, { found, report }, choices);
    showCheck(found, tried, flags);
    return EXITS[tried.status];
  }
  const total = found.tables.reduce((sum, { table }) => sum + (found.manifest.data_counts[table] ?? 0), 0);
  const progress = progressOf(flags, { total, phases: 2 });
  const result = await withConnection(flags, "write", frame, async (connection) => {
    const request = { ...(await importRequestOf(flags, found, choices)), dryRun: flags["dry-run"] };
    const onRows = (table: string, phase: string, rows: number): void => progress.rows(table, phase, rows);
    return await importTables(connection, found, request, { signal: frame.signal, onRows });
  });
  progress.end();
  showImport(result, flags);
  return EXIT.ok;
}

const choicesOf = (flags: Flags): ImportChoices => ({
  mode: lastValue(flags.mode) ?? "create-or-update",
  skipConflicts: flags["skip-conflicts"],
  clearExisting: flags["clear-existing"],
  intoOther: flags["into-other"],
});
