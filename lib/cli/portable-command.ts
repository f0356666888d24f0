/** `portable`: any database out as JSON with natural keys, and in again. */
import path from "node:path";
import { findConfig, loadConfig, type SiteConfig } from "../config/load.ts";
import { databasePassword } from "../config/secrets.ts";
import type { DatabaseTarget } from "../database/engine.ts";
import { splitPassword } from "../database/url.ts";
import { EXIT, HoldfastError } from "../errors.ts";
import { HOME } from "../exec/compiled.ts";
import { checkCompatibility } from "../portable/check.ts";
import { connect } from "../portable/connect.ts";
import type { Connection, ConnectionMode } from "../portable/connection.ts";
import { exportTables } from "../portable/export.ts";
import { importTables, type ImportMode } from "../portable/import.ts";
import { introspect } from "../portable/introspect.ts";
import { choose, openPackage, type Package } from "../portable/package.ts";
import { planPortable, type PlanRequest } from "../portable/plan.ts";
import { compareTables } from "../portable/verify.ts";
import { databases } from "../steps/db.ts";
import { commandLine, listOf, single } from "./arguments.ts";
import { progressOf } from "./portable-progress.ts";
import { showCheck, showComparison, showExport, showImport, showPlan } from "./portable-report.ts";
import type { CommandFrame } from "./run-command.ts";
import { parsedCommand } from "./store-command.ts";

const VERBS = ["export", "import", "check", "plan", "verify"] as const;
type Verb = (typeof VERBS)[number];
const MODES: readonly ImportMode[] = ["create-only", "update-only", "create-or-update"];
/** What each verb takes beside the flags of every command; any other flag is a fault. */
const FLAGS: Readonly<Record<Verb, readonly string[]>> = {
  plan: ["models", "component", "exclude"],
  export: [
    "models",
    "component",
    "exclude",
    "output",
    "timestamp",
    "dry-run",
    "list-models",
    "source-url",
    "source-name",
  ],
  import: [
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
  ],
  check: ["verify-checksum"],
  verify: ["models", "exclude", "verify-checksum"],
};

const USAGE = `$0 plan | export | import DIR | check DIR | verify DIR --database URL

Any database out as JSON with natural keys, and in again: SQLite, PostgreSQL, MySQL and MariaDB, each into each.`;

export async function portableCommand(): Promise<void> {
  await parsedCommand(parse, async (flags, frame) => await WORK[flags.verb](flags, frame));
}

type Flags = ReturnType<typeof parse>;

function parse(argv: readonly string[]) {
  const text = { type: "string", requiresArg: true } as const;
  const flags = commandLine("portable", USAGE)
    .strict(false)
    .strictOptions()
    .option("database", { ...text, describe: "the database, by its URL; else DATABASE_URL, else the config's" })
    .option("output", { ...text, alias: "o", describe: "export: the directory to write into" })
    .option("timestamp", { type: "boolean", default: true, describe: "export: into a directory named by the time" })
    .option("models", { ...text, describe: "only these tables: names, app.Model, or an app" })
    .option("component", { ...text, describe: "plan, export: only these groups of tables, as plan shows them" })
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
    .option("yes", { type: "boolean", default: false, describe: "I know what --clear-existing does" })
    .parseSync([...argv]);
  const [verb, directory, ...more] = flags._.map(String);
  const known = VERBS.find((one) => one === verb);
  if (known === undefined)
    throw new HoldfastError("E_USAGE", verb === undefined ? "portable what?" : `${verb} is not known`, {
      hint: `one of ${VERBS.join(", ")}`,
    });
  if (more.length > 0) throw new HoldfastError("E_USAGE", `unexpected argument: ${more[0] ?? ""}`);
  refuseIdle(known, argv);
  const needs = known !== "plan" && known !== "export";
  if (needs !== (directory !== undefined))
    throw new HoldfastError(
      "E_USAGE",
      needs ? `${known} what? name the directory of an export` : `unexpected argument: ${directory ?? ""}`,
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

const WORK: Readonly<Record<Verb, (flags: Flags, frame: CommandFrame) => Promise<number>>> = {
  async plan(flags, frame) {
    return await using(flags, "read", frame, async (connection) => {
      showPlan(planPortable(await introspect(connection), requestOf(flags)), flags);
      return EXIT.ok;
    });
  },
  async export(flags, frame) {
    return await using(flags, "read", frame, async (connection) => {
      const plan = planPortable(await introspect(connection), requestOf(flags));
      if (flags["list-models"] || flags["dry-run"]) {
        showPlan(plan, flags);
        return EXIT.ok;
      }
      const output = single(flags.output);
      if (output === undefined)
        throw new HoldfastError("E_USAGE", "export where to?", { hint: "name a directory with -o" });
      const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "_");
      const directory = flags.timestamp ? path.join(output, `export_${stamp}`) : output;
      const total = plan.tables.reduce((sum, { table }) => sum + Math.max(0, table.estimatedRows), 0);
      const progress = progressOf(flags, { total, phases: 1 });
      const manifest = await exportTables(
        connection,
        plan,
        {
          output: directory,
          sourceName: single(flags["source-name"]) ?? null,
          sourceUrl: single(flags["source-url"]) ?? null,
        },
        (table, rows) => progress.rows(table, "exporting", rows),
      );
      progress.end();
      showExport(path.resolve(directory), manifest, flags);
      return EXIT.ok;
    });
  },
  async check(flags, frame) {
    return await using(flags, "read", frame, async (connection) => {
      const found = await open(flags, frame);
      const report = await checkCompatibility(connection, found);
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
    const report = await using(flags, "read", frame, async (connection) => await checkCompatibility(connection, found));
    if (report.status === "INCOMPATIBLE")
      throw new HoldfastError("E_SCHEMA", `the export does not fit: ${report.problems.join("; ")}`, {
        hint: "portable.ts check shows all of it",
      });
    if (report.warnings.length > 0 && !flags.force && !flags["dry-run"] && !flags.validate)
      throw new HoldfastError("E_SCHEMA", `the export fits with warnings: ${report.warnings.join("; ")}`, {
        hint: "--force imports in spite of them",
      });
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
  async verify(flags, frame) {
    return await using(flags, "read", frame, async (connection) => {
      const comparisons = await compareTables(connection, await open(flags, frame));
      showComparison(comparisons, flags);
      return comparisons.every(({ same }) => same) ? EXIT.ok : EXIT.verification;
    });
  },
};

const open = async (flags: Flags, { signal }: CommandFrame): Promise<Package> =>
  choose(
    await openPackage(flags.directory, { verify: flags["verify-checksum"], signal }),
    listOf("models", flags.models),
    listOf("exclude", flags.exclude),
  );

function requestOf(flags: Flags): PlanRequest {
  const { keys = {}, components: groups = {}, exclude = [] } = configOf(flags)?.portable ?? {};
  return {
    keys,
    groups,
    models: listOf("models", flags.models),
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
