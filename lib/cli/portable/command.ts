/** `portable`: exports any database as JSON with natural keys, and imports it. */
import { statSync } from "node:fs";
import { findConfig, loadConfig, type SiteConfig } from "../../config/load.ts";
import { databasePassword } from "../../config/secrets.ts";
import type { DatabaseTarget } from "../../database/snapshot.ts";
import { splitPassword } from "../../database/access/url.ts";
import { EXIT, HoldfastError } from "../../errors.ts";
import { PACKAGE_ROOT } from "../../exec/build-output.ts";
import { unpackedExport } from "../../portable/read/export-zip.ts";
import { connect } from "../../portable/engines/connect.ts";
import type { Connection } from "../../portable/engine/connection.ts";
import type { ConnectionMode } from "../../portable/engine/session.ts";
import type { CompatibilityReport } from "../../portable/compare/compatibility.ts";
import { importTables, type ImportRequest } from "../../portable/import/run.ts";
import { refuseLooseUsers } from "../../portable/plan/user-references.ts";
import { selectTables, isOrigin, openExport, type ExportReader } from "../../portable/read/export-reader.ts";
import { planRequestOf } from "../../portable/plan/configured.ts";
import { ownRefinementOf } from "../../portable/import/target/refinement.ts";
import { planDatabase } from "../../portable/plan/database.ts";
import type { PlanRequest } from "../../portable/plan/run.ts";
import { compareTables } from "../../portable/compare/tables.ts";
import { databases } from "../../steps/db/databases.ts";
import { bringIn } from "./convert.ts";
import { parseList, lastValue } from "../core/arguments.ts";
import { packageCommand } from "./package.ts";
import { showCheck } from "./check-report.ts";
import { exportFormat, exportTo } from "./export.ts";
import { checkExport, assertCompatible } from "./compatibility.ts";
import { parsePortable, readsExport, type PortableFlags, type Verb } from "./flags.ts";
import { instanceOf } from "../../steps/portable/instance.ts";
import { progressOf } from "./progress.ts";
import { showComparison, showImport, showPlan } from "./report.ts";
import { checkValues } from "./values.ts";
import { assertPartialExport, setOf } from "./table-set.ts";
import { reconcileCommand } from "./reconcile.ts";
import type { CommandFrame } from "../core/run-command.ts";
import { parsedCommand } from "../core/store-command.ts";

export async function portableCommand(): Promise<void> {
  await parsedCommand(parsePortable, async (flags, frame) => await withNative(flags, frame, WORK[flags.verb]));
}

type Flags = PortableFlags;
type Work = (flags: Flags, frame: CommandFrame) => Promise<number>;

/** Converts another program's dump to an export of ours first, in a directory that is removed afterwards. */
async function withNative(flags: Flags, frame: CommandFrame, work: Work): Promise<number> {
  if (!readsExport(flags.verb)) return await work(flags, frame);
  const portable = (): SiteConfig["portable"] => configOf(flags)?.portable;
  return await bringIn(
    { ...flags, portable, signal: frame.signal },
    {
      read: async (take) => await withConnection(flags, "read", frame, take),
      native: async () => await work(flags, frame),
      converted: async (directory) =>
        await work({ ...flags, directory, models: undefined, exclude: undefined, "verify-checksum": true }, frame),
    },
  );
}

const WORK: Readonly<Record<Verb, Work>> = {
  async plan(flags, frame) {
    return await withConnection(flags, "read", frame, async (connection) => {
      showPlan(await planDatabase(connection, requestOf(flags), configOf(flags)?.portable?.generic), flags);
      return EXIT.ok;
    });
  },
  async export(flags, frame) {
    exportFormat(flags);
    return await withConnection(flags, "read", frame, async (connection) => {
      const plan = await planDatabase(connection, requestOf(flags), configOf(flags)?.portable?.generic);
      if (flags["list-models"] || flags["dry-run"]) {
        showPlan(plan, flags);
        return EXIT.ok;
      }
      await refuseLooseUsers(connection, plan, "left out");
      return await exportTo(connection, plan, flags, { config: configOf(flags), signal: frame.signal });
    });
  },
  async check(flags, frame) {
    return await withConnection(flags, "read", frame, async (connection) => {
      const found = await open(flags, frame, { anyVersion: true });
      const { isOther } = await importRequestOf(flags, found);
      const isTried = flags.values === true;
      const around = { config: configOf(flags), signal: frame.signal, isOther: isOther === true && !isTried };
      const schema = await checkExport(connection, found, flags, around);
      const report = isTried ? await withTriedValues(flags, frame, found, schema) : schema;
      showCheck(found, report, flags);
      return EXITS[report.status];
    });
  },
  async import(flags, frame) {
    if (flags["clear-existing"] && !flags.yes && !flags["dry-run"])
      throw new HoldfastError("E_CONFIRM", "--clear-existing empties every table of the export first", {
        hint: "add --yes",
      });
    const found = await open(flags, frame);
    const around = { config: configOf(flags), signal: frame.signal };
    const report = await withConnection(
      flags,
      "read",
      frame,
      async (one) => await checkExport(one, found, flags, around),
    );
    assertCompatible(report, flags.force || flags["dry-run"] || flags.validate);
    if (flags.validate) {
      const tried = flags.values === false ? report : await withTriedValues(flags, frame, found, report);
      showCheck(found, tried, flags);
      return EXITS[tried.status];
    }
    const total = found.tables.reduce((sum, { table }) => sum + (found.manifest.data_counts[table] ?? 0), 0);
    const progress = progressOf(flags, { total, phases: 2 });
    const result = await withConnection(
      flags,
      "write",
      frame,
      async (connection) =>
        await importTables(
          connection,
          found,
          {
            ...(await importRequestOf(flags, found)),
            dryRun: flags["dry-run"],
          },
          { signal: frame.signal, onRows: (table, phase, rows) => progress.rows(table, phase, rows) },
        ),
    );
    progress.end();
    showImport(result, flags);
    return EXIT.ok;
  },
  async package(flags, frame) {
    const target = await targetOf(flags, frame.signal);
    return await packageCommand(flags, { config: configOf(flags), target, plan: requestOf(flags) }, frame.signal);
  },
  async reconcile(flags, frame) {
    return await reconcileCommand(flags, {
      portable: configOf(flags)?.portable,
      signal: frame.signal,
      withConnection: async (mode, work) => await withConnection(flags, mode, frame, work),
    });
  },
  async verify(flags, frame) {
    return await withConnection(flags, "read", frame, async (connection) => {
      const comparisons = await compareTables(connection, await open(flags, frame), frame.signal);
      showComparison(comparisons, flags);
      return comparisons.every(({ same }) => same) ? EXIT.ok : EXIT.verification;
    });
  },
};

const EXITS = { COMPATIBLE: EXIT.ok, COMPATIBLE_WITH_WARNINGS: EXIT.partial, INCOMPATIBLE: EXIT.incompatible } as const;

/** Returns the report with the result of trying all values, unless the schema is incompatible already. */
async function withTriedValues(flags: Flags, frame: CommandFrame, found: ExportReader, report: CompatibilityReport) {
  if (report.status === "INCOMPATIBLE") return report;
  const request = await importRequestOf(flags, found);
  return await withConnection(
    flags,
    "write",
    frame,
    async (connection) => await checkValues(connection, found, report, { request, signal: frame.signal }),
  );
}

/** Returns the import request for the flags. */
const importRequestOf = async (flags: Flags, found: ExportReader): Promise<Omit<ImportRequest, "dryRun">> => ({
  mode: flags.mode,
  skipConflicts: flags["skip-conflicts"],
  clearExisting: flags["clear-existing"],
  isOther: !flags["into-other"] && !isOrigin(found, await instanceOf(configOf(flags))),
});

async function open(
  flags: Flags,
  { signal }: CommandFrame,
  { anyVersion = false }: { readonly anyVersion?: boolean } = {},
): Promise<ExportReader> {
  const refinement = configOf(flags)?.portable;
  const set = setOf(flags, refinement);
  const whole = await openExport(await directoryOf(flags.directory, signal), {
    verify: flags["verify-checksum"],
    anyVersion,
    signal,
  });
  const models = set?.tables ?? parseList("models", flags.models);
  const from = selectTables(whole, models, parseList("exclude", flags.exclude), refinement?.exclude);
  assertPartialExport(set, from);
  return { ...from, refine: { ...ownRefinementOf(refinement), rename: set?.rename ?? {}, map: refinement?.map ?? {} } };
}

/** Returns the directory of an export; a file is unpacked into one that is removed when the process ends. */
const directoryOf = async (given: string, signal: AbortSignal): Promise<string> =>
  statSync(given, { throwIfNoEntry: false })?.isFile() === true
    ? (await unpackedExport(given, signal)).directory
    : given;

function requestOf(flags: Flags): PlanRequest {
  const refine = configOf(flags)?.portable;
  const set = setOf(flags, configOf(flags)?.portable);
  const own = planRequestOf(refine);
  return {
    ...own,
    models: set?.tables ?? parseList("models", flags.models),
    ...(set && { set }),
    components: parseList("component", flags.component),
    exclude: [...parseList("exclude", flags.exclude), ...own.exclude],
  };
}

/** Returns the given config, or the one that the database is taken from; undefined if only a database is given. */
function configOf(flags: Flags): SiteConfig | undefined {
  const named = lastValue(flags.config);
  if (named === undefined && givenUrl(flags) !== undefined) return undefined;
  return loadConfig(findConfig(named, process.env, PACKAGE_ROOT), process.env);
}

const givenUrl = (flags: Flags): string | undefined =>
  lastValue(flags.database) ?? (lastValue(flags.config) === undefined ? process.env["DATABASE_URL"] : undefined);

async function withConnection<T>(
  flags: Flags,
  mode: ConnectionMode,
  { signal }: CommandFrame,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await connect(await targetOf(flags, signal), mode, signal);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

/**
 * Returns the database of `--database`, else the environment's, else the config's first. A relative SQLite path is
 * relative to the working directory, or to the site for the config's.
 */
async function targetOf(flags: Flags, signal: AbortSignal): Promise<DatabaseTarget> {
  const given = givenUrl(flags);
  if (given !== undefined) return { ...splitPassword(given), execPrefix: [], root: process.cwd() };
  const config = configOf(flags);
  const [first] = config === undefined ? [] : databases(config);
  if (config === undefined || first === undefined)
    throw new HoldfastError("E_USAGE", "no database given", { hint: "add --database URL" });
  if (config.exec_prefix.length > 0)
    throw new HoldfastError(
      "E_CONFIG",
      "portable needs a direct connection to the database; exec_prefix is not supported",
      { hint: "add --database with a URL that is reachable from this host" },
    );
  const password = await databasePassword(config, first.settings, signal);
  return {
    url: first.settings.url,
    ...(password === undefined ? {} : { password }),
    execPrefix: [],
    root: config.root,
  };
}
