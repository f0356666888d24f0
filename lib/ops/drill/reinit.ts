/**
 * Tests a reinit on a scratch copy of the configured database: copy → export → clear → import → compare.
 * The site's own database is read once. The storage directories and the administrator's command are left alone.
 */
import path from "node:path";
import { portableEngine } from "../../portable/engines/registry.ts";
import type { SiteConfig } from "../../config/load.ts";
import { databasePassword } from "../../config/secrets.ts";
import type { DatabaseFacts, DatabaseTarget } from "../../database/snapshot.ts";
import { splitPassword, urlWithDatabase } from "../../database/access/url.ts";
import { describeUrl, engineOfUrl } from "../../database/engines/registry.ts";
import { openRestorer } from "../../database/engines/open.ts";
import { HoldfastError } from "../../errors.ts";
import { connect } from "../../portable/engines/connect.ts";
import type { Connection } from "../../portable/engine/connection.ts";
import type { ConnectionMode } from "../../portable/engine/session.ts";
import { exportTables } from "../../portable/export/run.ts";
import type { ExportManifest } from "../../portable/format/documents.ts";
import { importTables } from "../../portable/import/run.ts";
import { openExport } from "../../portable/read/export-reader.ts";
import { planConfigured } from "../../portable/plan/configured.ts";
import { ownRefinementOf } from "../../portable/import/target/refinement.ts";
import { clearTables, resetCounters } from "../../portable/reinit/clear.ts";
import { rowsToClear } from "../../portable/reinit/plan.ts";
import { compareTables, type TableComparison } from "../../portable/compare/tables.ts";
import { databases, type NamedDatabase } from "../../steps/db/databases.ts";
import { instanceOf } from "../../steps/portable/instance.ts";
import { openDatabase } from "../../steps/core/projects.ts";
import { rulesOf } from "../reinit/connection.ts";
import { assertNoMissingDefiners, showDefiners } from "./definers.ts";
import { PrivateServers } from "../scratch/private-servers.ts";
import { scratchName } from "../scratch/load.ts";
import { dropDatabases, Sandbox, sweepSandboxes, type ScratchDatabase, spareName } from "../scratch/sandbox.ts";

export interface ReinitDrillRequest {
  readonly config: SiteConfig;
  readonly sandbox: string | undefined;
  /** A server for the scratch copy; a private one if absent. */
  readonly database: string | undefined;
}

export interface ReinitDrill {
  readonly unit: string;
  /** True if every exported table has the same rows again, by digest. */
  readonly ok: boolean;
  readonly cleared_rows: number;
  readonly tables: readonly TableComparison[];
  /** Tables that an export leaves out: an import does not restore their cleared rows. */
  readonly left_out: readonly string[];
  readonly warnings: readonly string[];
}

interface Options {
  readonly signal: AbortSignal;
  readonly onPhase: (phase: string) => void;
}

/**
 * Runs the test; removes all that it made, also on an error. Throws `E_TARGET` for kept rows that reference cleared
 * ones, `E_CONFIG`, `E_DATABASE`, `E_IMPORT`.
 */
export async function drillReinit(request: ReinitDrillRequest, options: Options): Promise<ReinitDrill> {
  const { config, sandbox: parent, database: server } = request;
  const [database] = databases(config);
  if (database === undefined) throw new HoldfastError("E_CONFIG", "the config has no database");
  const swept = await sweepSandboxes(parent, server, options.signal);
  const sandbox = await Sandbox.create(parent);
  const servers = new PrivateServers(sandbox, options.signal);
  const noted: ScratchDatabase[] = [];
  try {
    options.onPhase("copying");
    const target = await copyOf(request, database, { sandbox, servers, noted, signal: options.signal });
    const orphans = await settleDefiners(request, database, target, options.signal);
    const found = await roundTrip(config, target, path.join(sandbox.directory, "export"), options);
    return { unit: database.unit, ...found, warnings: [...swept, ...orphans, ...found.warnings] };
  } finally {
    await servers.close();
    await sandbox.remove(await dropDatabases(noted, server, new AbortController().signal));
  }
}

interface Place {
  readonly sandbox: Sandbox;
  readonly servers: PrivateServers;
  readonly noted: ScratchDatabase[];
  readonly signal: AbortSignal;
}

/** Restores the database from a fresh dump of it. */
async function copyOf(
  { config, database: given }: ReinitDrillRequest,
  { settings }: NamedDatabase,
  { sandbox, servers, noted, signal }: Place,
): Promise<DatabaseTarget> {
  const engine = engineOfUrl(settings.url);
  const snapshot = await openDatabase(config, settings, signal);
  let facts: DatabaseFacts;
  const dump = path.join(sandbox.directory, `copy${snapshot.extension}`);
  try {
    facts = await snapshot.facts({ exactRows: 0 });
    await snapshot.dump(dump, () => {});
  } finally {
    await snapshot.close();
  }
  if (engine.files !== undefined) return { url: engine.files.urlOf(dump), execPrefix: [], root: "/" };
  if (given !== undefined && engineOfUrl(splitPassword(given).url).family !== engine.family)
    throw new HoldfastError("E_USAGE", `the database is of ${engine.name}, but --database is not`, {
      hint: "omit --database to start a private server",
    });
  const server =
    given === undefined
      ? await servers.serverFor(engine.name, facts.server_version)
      : { ...splitPassword(given), execPrefix: [], root: "/" };
  const isPrivate = given === undefined;
  const spare = spareName("drill", sandbox.id, "reinit");
  const { url, password = server.password } = splitPassword(server.url);
  const restorer = await openRestorer(server, signal);
  let name: string;
  try {
    name = await scratchName(restorer, describeUrl(settings.url).database, { isPrivate, spare });
    if (isPrivate) await restorer.furnish(dump);
    else {
      noted.push({ url, name });
      await sandbox.note({ url, name });
    }
    const warnings = await restorer.check(dump, { restoreFlags: [] });
    const options = { onBytes: () => {}, restoreFlags: [], searchPath: facts.search_path };
    await restorer.load(dump, name, options).catch((error: unknown) => {
      throw withWarnings(error, warnings);
    });
  } finally {
    await restorer.close();
  }
  return {
    url: urlWithDatabase(url, name),
    ...(password === undefined ? {} : { password }),
    execPrefix: [],
    root: "/",
  };
}

/** Adds the findings of the check, such as missing accounts, to an error of the load. */
function withWarnings(error: unknown, warnings: readonly string[]): unknown {
  if (!(error instanceof HoldfastError) || error.code !== "E_RESTORE" || warnings.length === 0) return error;
  return new HoldfastError("E_RESTORE", `the copy cannot be loaded: ${error.message}; ${warnings.join("; ")}`, {
    hint: "the site was not changed; if the site lacks an account too, create it, or recreate its views",
    cause: error,
  });
}

/**
 * Ensures that the copy's triggers work as the site's do. Returns a warning with the accounts that own them but that
 * the site's server lacks; the dump creates them on a private server. Throws `E_TARGET` for a server of `--database`
 * without them.
 */
async function settleDefiners(
  { config, database: given }: ReinitDrillRequest,
  { settings }: NamedDatabase,
  copy: DatabaseTarget,
  signal: AbortSignal,
): Promise<string[]> {
  if (!portableEngine(engineOfUrl(settings.url).name).hasOwners) return [];
  await using(copy, "write", signal, async (connection) => {
    const missing = await connection.engine.missingAccounts(connection);
    if (given !== undefined) assertNoMissingDefiners(missing);
  });
  if (config.exec_prefix.length > 0) return [];
  const password = await databasePassword(config, settings, signal);
  const { url } = settings;
  const site = { url, ...(password === undefined ? {} : { password }), execPrefix: [], root: config.root };
  const orphans = await using(
    site,
    "read",
    signal,
    async (connection) => await connection.engine.missingAccounts(connection),
  );
  if (orphans.length === 0) return [];
  const accounts = showDefiners(orphans);
  return [
    `the site's server lacks ${accounts}, to which triggers, views or routines belong: a reinit that fires one fails`,
  ];
}

async function using<T>(
  target: DatabaseTarget,
  mode: ConnectionMode,
  signal: AbortSignal,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await connect(target, mode, signal);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

async function roundTrip(
  config: SiteConfig,
  target: DatabaseTarget,
  output: string,
  { signal, onPhase }: Options,
): Promise<Omit<ReinitDrill, "unit">> {
  const on = async <T>(mode: ConnectionMode, work: (connection: Connection) => Promise<T>): Promise<T> =>
    await using(target, mode, signal, work);
  onPhase("exporting");
  const manifest = await on("read", async (connection) => {
    const plan = await planConfigured(connection, config.portable, { isFirst: true });
    const source = { sourceName: config.site, sourceUrl: null, instance: await instanceOf(config) };
    return await exportTables(connection, plan, { output, ...source }, () => {});
  });
  onPhase("clearing");
  const cleared = await on("write", async (connection) => {
    const done = await clearTables(connection, rulesOf(config), { signal });
    await connection.run("commit");
    await resetCounters(connection, done.plan);
    return done;
  });
  const from = { ...(await openExport(output, { verify: true, signal })), refine: ownRefinementOf(config.portable) };
  onPhase("importing");
  const imported = await on(
    "write",
    async (connection) =>
      await importTables(
        connection,
        from,
        { mode: "create-or-update", skipConflicts: false, dryRun: false, clearExisting: false },
        { signal, onRows: () => {} },
      ),
  );
  onPhase("comparing");
  const tables = await on("read", async (connection) => await compareTables(connection, from, signal));
  return {
    ok: tables.every(({ same }) => same),
    cleared_rows: rowsToClear(cleared.plan),
    tables,
    left_out: manifest.left_out.map(({ table }) => table),
    warnings: [...changedColumns(manifest), ...cleared.warnings, ...imported.warnings],
  };
}

/** Returns warnings about columns whose values an import does not bring back. */
function changedColumns({ columns_left_out: out = {}, columns_replaced: replaced = {} }: ExportManifest): string[] {
  const texts = (by: Readonly<Record<string, readonly string[]>>, what: string): string[] =>
    Object.entries(by).map(([table, columns]) => `${table}: ${columns.join(", ")} ${what}`);
  return [
    ...texts(out, "left out of the export: cleared rows come back without them"),
    ...texts(replaced, "replaced in the export: cleared rows come back with other values"),
  ];
}
