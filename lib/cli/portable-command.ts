/** `portable`: any database out as JSON with natural keys, and in again. */
import { statSync } from "node:fs";
import path from "node:path";
import { findConfig, loadConfig, type SiteConfig } from "../config/load.ts";
import { databasePassword } from "../config/secrets.ts";
import type { DatabaseTarget } from "../database/engine.ts";
import { splitPassword } from "../database/url.ts";
import { EXIT, HoldfastError } from "../errors.ts";
import { HOME } from "../exec/compiled.ts";
import { unpackedExport } from "../portable/archive.ts";
import { connect } from "../portable/connect.ts";
import type { Connection, ConnectionMode } from "../portable/connection.ts";
import { importTables, type ImportMode } from "../portable/import.ts";
import { choose, openPackage, type Package } from "../portable/package.ts";
import { planDatabase } from "../portable/plan-database.ts";
import type { PlanRequest } from "../portable/plan.ts";
import { compareTables } from "../portable/verify.ts";
import { databases } from "../steps/db.ts";
import { bringIn } from "./portable-foreign.ts";
import { commandLine, listOf, single } from "./arguments.ts";
import { PACKAGE_FLAGS, packageCommand } from "./package-command.ts";
import { showCheck } from "./portable-check-report.ts";
import { EXPORT_FLAGS, EXPORT_OPTIONS, exportFormat, exportTo } from "./portable-export.ts";
import { fitOf, refuseUnfit } from "./portable-fit.ts";
import { progressOf } from "./portable-progress.ts";
import { showComparison, showImport, showPlan } from "./portable-report.ts";
import { refuseWhole, setOf } from "./portable-set.ts";
import { RECONCILE_FLAGS, reconcileCommand } from "./reconcile-command.ts";
import type { CommandFrame } from "./run-command.ts";
import { parsedCommand } from "./store-command.ts";

const VERBS = ["export", "import", "check", "plan", "verify", "package", "reconcile"] as const;
type Verb = (typeof VERBS)[number];
const MODES: readonly ImportMode[] = ["create-only", "update-only", "create-or-update"];
/** What each verb takes beside the flags of every command; any other flag is a fault. */
const FLAGS: Readonly<Record<Verb, readonly string[]>> = {
  plan: ["models", "component", "exclude", "set"],
  export: [
    "set",
    "models",
    "component",
    "exclude",
    "output",
    "timestamp",
    "dry-run",
    "list-models",
    "source-url",
    "source-name",
    ...EXPORT_FLAGS,
  ],
  import: [
    "set",
    "models",
    "exclude",
    "mode",
    "dry-run",
    "validate",
    "skip-conflicts",
    "force",
    "verify-checksum",
    "clear-existing",
    "yes",
    "ignore-config-diff",
    "config-diff-report",
  ],
  check: ["models", "exclude", "verify-checksum", "ignore-config-diff", "config-diff-report"],
  verify: ["set", "models", "exclude", "verify-checksum"],
  package: PACKAGE_FLAGS,
  reconcile: RECONCILE_FLAGS,
};

const USAGE = `$0 plan | export | import PATH | check PATH | verify PATH | package | reconcile --database URL

Any database out as JSON with natural keys, and in again: SQLite, PostgreSQL, MySQL and MariaDB, each into each.`;

export async function portableCommand(): Promise<void> {
  await parsedCommand(parse, async (flags, frame) => await withNative(flags, frame, WORK[flags.verb]));
}

type Flags = ReturnType<typeof parse>;
type Work = (flags: Flags, frame: CommandFrame) => Promise<number>;

/** What another program wrote becomes an export of ours first, in a directory that is removed afterwards. */
async function withNative(flags: Flags, frame: CommandFrame, work: Work): Promise<number> {
  if (flags.verb === "plan" || flags.verb === "export" || flags.verb === "reconcile") return await work(flags, frame);
  const portable = (): SiteConfig["portable"] => configOf(flags)?.portable;
  return await bringIn(
    { ...flags, portable, signal: frame.signal },
    {
      read: async (take) => await using(flags, "read", frame, take),
      native: async () => await work(flags, frame),
      brought: async (directory) =>
        await work({ ...flags, directory, models: undefined, exclude: undefined, "verify-checksum": true }, frame),
    },
  );
}

function parse(argv: readonly string[]) {
  const text = { type: "string", requiresArg: true } as const;
  const flags = commandLine("portable", USAGE)
    .strict(false)
    .strictOptions()
    .option("database", { ...text, describe: "the database, by its URL; else DATABASE_URL, else the config's" })
    .option("output", { ...text, alias: "o", describe: "export: the directory to write into, or a file: … .zip" })
    .options(EXPORT_OPTIONS)
    .option("table", { ...text, describe: "reconcile: the table whose duplicate rows become one" })
    .option("by", { ...text, describe: "reconcile: the columns that are compared; else the key, or name" })
    .option("timestamp", { type: "boolean", default: true, describe: "export: into a directory named by the time" })
    .option("models", { ...text, describe: "only these tables: names, app.Model, or an app" })
    .option("component", { ...text, describe: "plan, export: only these groups of tables, as plan shows them" })
    .option("set", { ...text, describe: "only the tables of this set of the config" })
    .option("exclude", { ...text, describe: "not these tables" })
    .option("list-models", { type: "boolean", default: false, describe: "export: show the tables, and do nothing" })
    .option("source-url", { ...text, describe: "export: where the application is, for the manifest" })
    .option("source-name", { ...text, describe: "export: what it is called, for the manifest" })
    .option("mode", { ...text, choices: MODES, default: "create-or-update", describe: "import" })
    .option("dry-run", { type: "boolean", default: false, describe: "do everything, and take it back" })
    .option("validate", {
      type: "boolean",
      default: false,
      describe: "import: check the export and how it fits, and stop",
    })
    .option("skip-conflicts", {
      type: "boolean",
      default: false,
      describe: "import: pass over rows that break a unique constraint",
    })
    .option("force", { type: "boolean", default: false, describe: "import in spite of warnings" })
    .option("verify-checksum", { type: "boolean", default: true, describe: "read the checksums of the export first" })
    .option("clear-existing", {
      type: "boolean",
      default: false,
      describe: "import: empty the tables first; needs --yes",
    })
    .option("ignore-config-diff", {
      type: "boolean",
      default: false,
      describe: "check, import: settings that differ forbid nothing",
    })
    .option("config-diff-report", { ...text, describe: "check, import: the file to write what settings differ into" })
    .option("from-dump", { type: "boolean", default: false, describe: "package: a dump in place of portable data" })
    .option("include-users", { type: "boolean", default: false, describe: "package: users as well, without passwords" })
    .option("skip-users", { type: "boolean", default: false, describe: "package: no users, which is the default" })
    .option("include-passwords", { type: "boolean", default: false, describe: "package: the users' password hashes" })
    .option("storage", { ...text, describe: "package: a further directory; may be given several times" })
    .option("yes", { type: "boolean", default: false, describe: "I know what --clear-existing, or reconcile, does" })
    .parseSync([...argv]);
  const [verb, directory, ...more] = flags._.map(String);
  const known = VERBS.find((one) => one === verb);
  if (known === undefined)
    throw new HoldfastError("E_USAGE", verb === undefined ? "portable what?" : `${verb} is not known`, {
      hint: `one of ${VERBS.join(", ")}`,
    });
  if (more.length > 0) throw new HoldfastError("E_USAGE", `unexpected argument: ${more[0] ?? ""}`);
  refuseIdle(known, argv);
  const needs = known !== "plan" && known !== "export" && known !== "package" && known !== "reconcile";
  if (needs !== (directory !== undefined))
    throw new HoldfastError(
      "E_USAGE",
      needs ? `${known} what? name an export` : `unexpected argument: ${directory ?? ""}`,
    );
  const mode = MODES.find((one) => one === single(flags.mode));
  if (mode === undefined) throw new HoldfastError("E_USAGE", `--mode is one of ${MODES.join(", ")}`);
  return { ...flags, verb: known, directory: path.resolve(directory ?? "."), mode };
}

/** A flag that the verb does not look at was meant to do something. */
function refuseIdle(verb: Verb, argv: readonly string[]): void {
  const own = new Set(Object.values(FLAGS).flat());
  for (const argument of argv) {
    const [, name] = /^--(?:no-)?([\w-]+)/.exec(argument === "-o" ? "--output" : argument) ?? [];
    if (name !== undefined && own.has(name) && !FLAGS[verb].includes(name))
      throw new HoldfastError("E_USAGE", `${argument.split("=")[0] ?? ""} has no meaning for ${verb}`);
  }
}

const WORK: Readonly<Record<Verb, Work>> = {
  async plan(flags, frame) {
    return await using(flags, "read", frame, async (connection) => {
      showPlan(await planDatabase(connection, requestOf(flags), configOf(flags)?.portable?.generic), flags);
      return EXIT.ok;
    });
  },
  async export(flags, frame) {
    exportFormat(flags);
    return await using(flags, "read", frame, async (connection) => {
      const plan = await planDatabase(connection, requestOf(flags), configOf(flags)?.portable?.generic);
      if (flags["list-models"] || flags["dry-run"]) {
        showPlan(plan, flags);
        return EXIT.ok;
      }
      return await exportTo(connection, plan, flags, { config: configOf(flags), signal: frame.signal });
    });
  },
  async check(flags, frame) {
    return await using(flags, "read", frame, async (connection) => {
      const found = await open(flags, frame, { anyVersion: true });
      const report = await fitOf(connection, found, flags, { config: configOf(flags), signal: frame.signal });
      showCheck(found, report, flags);
      return { COMPATIBLE: EXIT.ok, COMPATIBLE_WITH_WARNINGS: EXIT.partial, INCOMPATIBLE: EXIT.incompatible }[
        report.status
      ];
    });
  },
  async import(flags, frame) {
    if (flags["clear-existing"] && !flags.yes && !flags["dry-run"])
      throw new HoldfastError("E_CONFIRM", "--clear-existing empties every table of the export first", {
        hint: "add --yes",
      });
    const found = await open(flags, frame);
    const around = { config: configOf(flags), signal: frame.signal };
    const report = await using(flags, "read", frame, async (one) => await fitOf(one, found, flags, around));
    refuseUnfit(report, flags.force || flags["dry-run"] || flags.validate);
    if (flags.validate) {
      showCheck(found, report, flags);
      return report.status === "COMPATIBLE" ? EXIT.ok : EXIT.partial;
    }
    const total = found.tables.reduce((sum, { table }) => sum + (found.manifest.data_counts[table] ?? 0), 0);
    const progress = progressOf(flags, { total, phases: 2 });
    const result = await using(
      flags,
      "write",
      frame,
      async (connection) =>
        await importTables(
          connection,
          found,
          {
            mode: flags.mode,
            skipConflicts: flags["skip-conflicts"],
            dryRun: flags["dry-run"],
            clearExisting: flags["clear-existing"],
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
      using: async (mode, work) => await using(flags, mode, frame, work),
    });
  },
  async verify(flags, frame) {
    return await using(flags, "read", frame, async (connection) => {
      const comparisons = await compareTables(connection, await open(flags, frame));
      showComparison(comparisons, flags);
      return comparisons.every(({ same }) => same) ? EXIT.ok : EXIT.verification;
    });
  },
};

async function open(
  flags: Flags,
  { signal }: CommandFrame,
  { anyVersion = false }: { readonly anyVersion?: boolean } = {},
): Promise<Package> {
  const refinement = configOf(flags)?.portable;
  const set = setOf(flags, refinement);
  const whole = await openPackage(await directoryOf(flags.directory, signal), {
    verify: flags["verify-checksum"],
    anyVersion,
    signal,
  });
  const from = choose(whole, set?.tables ?? listOf("models", flags.models), listOf("exclude", flags.exclude));
  refuseWhole(set, from);
  const { defaults = {}, users, map = {} } = refinement ?? {};
  return { ...from, refine: { defaults, rename: set?.rename ?? {}, map, ...(users && { users }) } };
}

/** Of an export that is one file, what it holds: in a directory that goes when the process ends. */
const directoryOf = async (given: string, signal: AbortSignal): Promise<string> =>
  statSync(given, { throwIfNoEntry: false })?.isFile() === true
    ? (await unpackedExport(given, signal)).directory
    : given;

function requestOf(flags: Flags): PlanRequest {
  const refine = configOf(flags)?.portable;
  const set = setOf(flags, configOf(flags)?.portable);
  const { keys = {}, components: groups = {}, exclude = [] } = refine ?? {};
  return {
    keys,
    groups,
    ...(refine && { excludeColumns: refine.exclude_columns, replace: refine.replace }),
    models: set?.tables ?? listOf("models", flags.models),
    ...(set && { set }),
    components: listOf("component", flags.component),
    exclude: [...listOf("exclude", flags.exclude), ...exclude],
  };
}

/** The config that is named, or the one that the database is taken from: none where the database is given and no config is. */
function configOf(flags: Flags): SiteConfig | undefined {
  const named = single(flags.config);
  if (named === undefined && givenUrl(flags) !== undefined) return undefined;
  return loadConfig(findConfig(named, process.env, HOME), process.env);
}

const givenUrl = (flags: Flags): string | undefined =>
  single(flags.database) ?? (single(flags.config) === undefined ? process.env["DATABASE_URL"] : undefined);

async function using<T>(
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

/** `--database`, else the environment's, else the config's first one. A relative SQLite path is relative to the site, or to where we are. */
async function targetOf(flags: Flags, signal: AbortSignal): Promise<DatabaseTarget> {
  const given = givenUrl(flags);
  if (given !== undefined) return { ...splitPassword(given), execPrefix: [], root: process.cwd() };
  const config = configOf(flags);
  const [first] = config === undefined ? [] : databases(config);
  if (config === undefined || first === undefined)
    throw new HoldfastError("E_USAGE", "which database?", { hint: "name it with --database URL" });
  if (config.exec_prefix.length > 0)
    throw new HoldfastError(
      "E_CONFIG",
      "portable data goes through the database's own protocol, not through exec_prefix",
      { hint: "give a URL that reaches it from here, with --database" },
    );
  const password = await databasePassword(config, first.settings, signal);
  return {
    url: first.settings.url,
    ...(password === undefined ? {} : { password }),
    execPrefix: [],
    root: config.root,
  };
}
