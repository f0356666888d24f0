/** The databases of a restore: opened, inspected, loaded beside the live ones, compared, and ready to be exchanged. */
import { isOnServer } from "../../runs/unit-items.ts";
import path from "node:path";
import type { BytePath } from "../../../archive/entry.ts";
import { fromString } from "../../../archive/path.ts";
import { RESTORE_PREFIX } from "../../../archive/tree/walk.ts";
import type { SiteConfig } from "../../../config/load.ts";
import { databasePassword } from "../../../config/secrets.ts";
import type { DatabaseSettings } from "../../../config/settings/database.ts";
import { compareTables } from "../../../database/compare-facts.ts";
import { hasDigests } from "../../../database/facts-digest.ts";
import type { DatabaseTarget } from "../../../database/snapshot.ts";
import { splitPassword } from "../../../database/access/url.ts";
import { databaseEngine, describeUrl, engineOfUrl, fileOfUrl } from "../../../database/engines/registry.ts";
import { openRestorer } from "../../../database/engines/open.ts";
import type { DatabaseRestorer, PresentDatabase } from "../../../database/restorer.ts";
import { asHoldfastError, HoldfastError } from "../../../errors.ts";
import { databases } from "../../../steps/db/databases.ts";
import type { DatabaseItem } from "../../runs/unit-items.ts";
import type { Journal } from "../../journals/restore-journal.ts";
import type { Operation } from "../../journals/operations.ts";
import type { RestoreRequest } from "../plan/request.ts";
import {
  compareSchema,
  assertSchemaNotNewer,
  wantedMigrations,
  type SchemaComparison,
} from "../../site/schema-version.ts";
import { pathExists } from "../../../archive/tree/path-exists.ts";

/** A dump that is loaded into a server, or replaces a live SQLite file. */
export interface PlannedDatabase {
  readonly item: DatabaseItem;
  readonly target: DatabaseTarget;
  readonly settings: DatabaseSettings | undefined;
  readonly restorer: DatabaseRestorer;
  readonly present: PresentDatabase | undefined;
  readonly schema: SchemaComparison;
  readonly warnings: readonly string[];
}

interface Place {
  readonly item: DatabaseItem;
  readonly target: DatabaseTarget;
  readonly settings: DatabaseSettings | undefined;
}

/**
 * Chooses the dumps to load, and their target databases. The others are files of the site, or are handed over as they
 * are. Throws `E_USAGE` if a dump and its target database have different engines, or the config has no such database.
 */
export async function databasePlaces(
  request: RestoreRequest,
  items: readonly DatabaseItem[],
  signal: AbortSignal,
): Promise<Place[]> {
  const config = request.target.kind === "in-place" ? request.target.config : undefined;
  if (request.database !== undefined) {
    const [item, ...others] = items;
    if (item === undefined) throw new HoldfastError("E_USAGE", "--database needs a dump, but none is selected");
    if (others.length > 0)
      throw new HoldfastError("E_USAGE", "--database takes one dump, but several are selected", {
        hint: "select one with --unit",
      });
    return [placeAt(request.database, item, config)];
  }
  if (config === undefined) return [];
  const known = databases(config);
  const places: Place[] = [];
  for (const item of items) {
    const settings = known.find(({ unit }) => unit === item.unit)?.settings;
    if (settings === undefined)
      throw new HoldfastError("E_USAGE", `the config has no database ${item.unit}`, {
        hint: "name one with --database URL",
      });
    const password = await databasePassword(config, settings, signal);
    const place = placeAt(settings.url, item, config);
    if (!isOnServer(item) && !pathExists(fileOf(place.target))) continue; // comes as a file
    places.push({ ...place, settings, target: { ...place.target, ...(password === undefined ? {} : { password }) } });
  }
  return places;
}

function placeAt(given: string, item: DatabaseItem, config: SiteConfig | undefined): Place {
  const { url, password } = splitPassword(given);
  const engine = engineOfUrl(url);
  if (engine.family !== databaseEngine(item.record.engine).family)
    throw new HoldfastError(
      "E_USAGE",
      `the dump ${item.unit} is of ${item.record.engine}, but the target database is of ${engine.name}`,
      {
        hint: "use --database with a database of the same engine",
      },
    );
  const target = {
    url,
    ...(password === undefined ? {} : { password }),
    execPrefix: config?.exec_prefix ?? [],
    root: config?.root ?? "/",
  };
  return { item, target, settings: undefined };
}

/** Returns the path of a target's file, which may not exist yet. */
export function fileOf(target: DatabaseTarget): BytePath {
  const file = fileOfUrl(target);
  if (file === undefined) throw new HoldfastError("E_INTERNAL", "the database is not a file");
  return fromString(file);
}

/**
 * Opens the servers and inspects the target databases. Throws `E_DATABASE`, `E_SCHEMA`, and `E_RESTORE` for a dump that
 * this server cannot load.
 */
export async function openDatabases(
  request: RestoreRequest,
  run: string,
  places: readonly Place[],
  signal: AbortSignal,
): Promise<PlannedDatabase[]> {
  const opened: PlannedDatabase[] = [];
  try {
    for (const { item, target, settings } of places) {
      const restorer = await openRestorer(target, signal);
      const planned = {
        item,
        target,
        settings,
        restorer,
        present: undefined,
        schema: compareSchema(null, undefined),
        warnings: [],
      };
      opened.push(planned);
      const present = await restorer.present();
      const warnings = await restorer.check(path.join(run, item.artifact), request);
      const schema = await schemaOf(request, item, settings, present, signal);
      assertSchemaNotNewer(item.unit, schema, request.allowNewerSchema);
      opened[opened.length - 1] = { ...planned, present, warnings, schema };
      const free = await restorer.freeBytes();
      if (free !== undefined && free < item.record.database_size)
        throw new HoldfastError(
          "E_NO_SPACE",
          `the database server has ${free} bytes free, but ${item.unit} had ${item.record.database_size}`,
          {
            hint: "free some space on the disk of the database server",
          },
        );
    }
    return opened;
  } catch (error) {
    await closeDatabases(opened);
    throw error;
  }
}

async function schemaOf(
  request: RestoreRequest,
  item: DatabaseItem,
  settings: DatabaseSettings | undefined,
  present: PresentDatabase | undefined,
  signal: AbortSignal,
): Promise<SchemaComparison> {
  if (request.target.kind !== "in-place") return compareSchema(null, undefined);
  const { config } = request.target;
  const own = settings ?? databases(config).find(({ unit }) => unit === item.unit)?.settings;
  if (own === undefined) return compareSchema(item.record.migrations, undefined);
  const wanted = await wantedMigrations(config, own, present?.migrations ?? null, signal);
  return compareSchema(item.record.migrations, wanted);
}

export async function closeDatabases(opened: readonly PlannedDatabase[]): Promise<void> {
  for (const { restorer } of opened) await restorer.close();
}

/**
 * Returns the names of the temporary and previous databases: the live name with the restore's id, within 63 bytes,
 * every engine's limit.
 */
export function temporaryNames(
  { restorer, target }: Pick<PlannedDatabase, "restorer" | "target">,
  id: string,
): { scratch: string; aside: string } {
  if (databaseEngine(restorer.engine).files !== undefined) {
    const file = restorer.live;
    const beside = (kind: string): string =>
      path.join(path.dirname(file), `${RESTORE_PREFIX}${id}-${kind}-${path.basename(file)}`);
    return { scratch: beside("new"), aside: beside("old") };
  }
  const name = describeUrl(target.url).database;
  const stem = Buffer.from(name)
    .subarray(0, 40)
    .toString("utf8")
    .replace(/\ufffd+$/, "");
  return { scratch: `${stem}_new_${id.toLowerCase()}`, aside: `${stem}_old_${id.toLowerCase()}` };
}

/**
 * Loads each dump into a database of its own and compares it with the record of the dump's snapshot. Returns the
 * operations that exchange them with the live ones. Throws `E_RESTORE`, and `E_VERIFY` if rows are missing.
 */
export async function loadDatabases(
  run: string,
  planned: readonly PlannedDatabase[],
  journal: Journal,
  options: { readonly restoreFlags: readonly string[]; readonly onBytes: (bytes: number) => void },
): Promise<Operation[]> {
  const operations: Operation[] = [];
  for (const database of planned) {
    const { item, restorer, target } = database;
    const { scratch, aside } = temporaryNames(database, journal.document.restore);
    const { url } = target;
    const dump = path.join(run, item.artifact);
    await journal.update({
      scratch_databases: [...journal.document.scratch_databases, { unit: item.unit, url, name: scratch }],
    });
    const searchPath = item.record.search_path;
    await restorer.load(dump, scratch, { onBytes: options.onBytes, restoreFlags: options.restoreFlags, searchPath });
    await compareWithRecord(database, scratch);
    if (restorer.exchanges) operations.push({ kind: "exchange", unit: item.unit, url, scratch, aside });
    else {
      await restorer.drop(scratch);
      const empty = (database.present?.tables ?? 0) === 0;
      operations.push({ kind: "reload", unit: item.unit, url, dump, safety: null, empty, begun: false });
    }
  }
  return operations;
}

/** Throws `E_VERIFY` if a database does not hold what was recorded at backup. */
export async function compareWithRecord(
  { item, restorer }: Pick<PlannedDatabase, "item" | "restorer">,
  name: string,
): Promise<void> {
  const found = await restorer.facts(name, { digests: hasDigests(item.record.tables) }).catch((error: unknown) => {
    throw asHoldfastError(error, "E_DATABASE");
  });
  const { differences } = compareTables(item.record.tables, found.tables);
  const [first] = differences;
  if (first === undefined) return;
  const more = differences.length > 1 ? ` (and ${differences.length - 1} more)` : "";
  throw new HoldfastError("E_VERIFY", `${item.unit} was loaded, but differs from what was recorded: ${first}${more}`);
}
