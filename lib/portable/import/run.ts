/** Imports portable data into a database in one transaction: all of it, or nothing. */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../engine/connection.ts";
import { checkForeignKeys, disableTriggers } from "./constraints.ts";
import { PreassignedIds } from "./resolve/preassign-ids.ts";
import { ForeignKeyResolver } from "./resolve/foreign-keys.ts";
import { applyKeyMap, type MappedRow } from "./mapped-rows.ts";
import { MissingUsers, type CreatedUser } from "./resolve/missing-users.ts";
import { PathHasher } from "./staging/path-hash.ts";
import { Merge } from "./merge.ts";
import { raiseSequences } from "./resolve/sequences.ts";
import { Statements } from "./staging/statements.ts";
import type { ImportMode } from "./resolve/options.ts";
import type { TableResult } from "./resolve/table-result.ts";
import { assertNoIdsOfOtherOrigin } from "./other-origin.ts";
import { realRows } from "./staging/staged-table.ts";
import { StagingTable } from "./staging/table.ts";
import { assertUniqueReferencedKeys, assertNoStrayReferences } from "./resolve/dangling-references.ts";
import { warnOfMissingRows } from "./resolve/left-references.ts";
import { UserIds } from "./resolve/user-ids.ts";
import { Trees } from "./resolve/trees.ts";
import { summarizeList, implicitReferences } from "../schema/implicit-references.ts";
import { orderTables, type DeferredKey } from "../plan/table-order.ts";
import type { ExportReader } from "../read/export-reader.ts";
import type { ForeignKey, Schema, Table, TableId } from "../schema/tables.ts";
import { keysOf } from "../schema/keys/exported.ts";
import { findTargets, type Targets } from "./target/resolve.ts";
import type { TargetTable } from "./target/types.ts";
import { plural } from "../../report/format.ts";

export interface ImportRequest {
  readonly mode: ImportMode;
  readonly skipConflicts: boolean;
  /** Runs the whole import, then rolls it back. */
  readonly dryRun: boolean;
  /** Empties the tables first. */
  readonly clearExisting: boolean;
  /** Set if the database may belong to another installation, where an equal generated id means another row. */
  readonly isOther?: boolean;
}

export interface ImportHooks {
  readonly signal: AbortSignal;
  readonly onRows: (table: TableId, phase: "staging" | "merging", rows: number) => void;
  /** Called before the commit, with what was written; an error rolls everything back. */
  readonly beforeCommit?: (result: Omit<ImportResult, "committed">) => Promise<void>;
}

export interface ImportResult {
  /** The tables in the order in which they were written. */
  readonly tables: readonly TableResult[];
  /** Placeholder users that were created, by `portable.users`. */
  readonly made: readonly CreatedUser[];
  /** Rows replaced by others, by `portable.map`. */
  readonly mapped: readonly MappedRow[];
  readonly warnings: readonly string[];
  readonly committed: boolean;
}

/**
 * Imports the selected tables of an export and ends the transaction of `connection`, which must be writable. Throws
 * `E_SCHEMA` when the database cannot take the tables, `E_PACKAGE`, `E_IMPORT` for rows that cannot be imported, and
 * `E_INTERRUPTED`. On an error the database is unchanged, sequences included.
 */
export async function importTables(
  connection: Connection,
  from: ExportReader,
  request: ImportRequest,
  hooks: ImportHooks,
): Promise<ImportResult> {
  try {
    const result = await importInside(connection, from, request, hooks);
    await hooks.beforeCommit?.(result);
    hooks.signal.throwIfAborted();
    await connection.run(request.dryRun ? "rollback" : "commit");
    return { ...result, committed: !request.dryRun };
  } catch (error) {
    await connection.run("rollback").catch(() => {}); // report the first error, not that of the rollback
    throw error;
  }
}

async function importInside(
  connection: Connection,
  from: ExportReader,
  request: ImportRequest,
  { signal, onRows }: ImportHooks,
): Promise<Omit<ImportResult, "committed">> {
  assertMayClear(from, request);
  const schema = await connection.engine.introspect(connection);
  const targets = findTargets(schema, from.tables, from.refine);
  const { order, deferred } = orderOf(targets);
  const statements = new Statements(connection);
  const hasher = new PathHasher();
  const trees = new Trees(statements, targets, hasher);
  await trees.load(from, targets, signal);
  const stagings: StagingTable[] = [];
  for (const [index, target] of order.entries()) {
    const parts = { hasher, tree: trees.find(target.table.id), map: targets.maps.of(target) };
    const staging = new StagingTable(connection, target, index, parts);
    await staging.create();
    await staging.load(from, signal, (rows) => onRows(target.table.id, "staging", rows));
    stagings.push(staging);
  }
  await assertUniqueReferencedKeys(connection, targets);
  const users = new UserIds(statements, targets, stagings, from.refine);
  if (request.isOther === true) {
    await assertNoIdsOfOtherOrigin(statements, targets, stagings);
    await users.assertImported();
  }
  const left = request.isOther === true ? await warnOfMissingRows(statements, targets, stagings, users.tables) : [];
  const { mapped, warnings } = await applyKeyMap(statements, targets.maps, stagings);
  const guards = await connection.engine.constraints.suspendForeignKeys(
    connection,
    lateChecks(schema, deferred, targets),
  );
  const triggers = await disableTriggers(
    connection,
    order.map(({ table }) => table),
  );
  const laterOf = (id: TableId): ForeignKey[] => linksOf(targets, deferred, id);
  if (request.clearExisting) await clear(connection, stagings, laterOf);
  const preassignedIds = new PreassignedIds(
    statements,
    new ForeignKeyResolver(statements, targets.fields, trees),
    stagings,
  );
  if (request.mode !== "update-only")
    for (const staging of stagings)
      for (const link of waitingOf(targets, deferred, staging)) await preassignedIds.fill(staging, link);
  const made = from.refine?.users;
  const missing = made?.create_missing === true ? new MissingUsers(statements, targets.schema, made) : undefined;
  const isImported = (id: TableId): boolean => order.some(({ table }) => table.id === id);
  const stagingOf = (id: TableId): StagingTable | undefined => stagings.find(({ target }) => target.table.id === id);
  const options = { ...request, isImported, stagingOf, ...(missing && { missing }) };
  const merge = new Merge(statements, targets.fields, trees, options);
  const results: TableResult[] = [];
  for (const staging of stagings) {
    signal.throwIfAborted();
    const { id } = staging.target.table;
    const result = await merge.merge(staging, laterOf(id));
    result.skipped += staging.skipped;
    results.push(result);
    onRows(id, "merging", staging.rows);
  }
  for (const [index, staging] of stagings.entries()) {
    const result = results[index];
    const later = laterOf(staging.target.table.id);
    if (later.length > 0 && result !== undefined && staging.target.key.kind !== "none")
      await merge.finish(staging, later, result);
  }
  if (request.skipConflicts) await merge.skipped.assertNoneReferenced(stagings);
  assertNotRenumbered(targets, results);
  await users.assertNotRenumbered(results);
  if (request.isOther === true) await assertNoStrayReferences(statements, targets, stagings);
  await checkForeignKeys(
    connection,
    schema,
    order.map(({ table }) => table),
  );
  await guards.restore();
  await triggers.restore();
  for (const staging of stagings) await raiseSequences(statements, staging);
  return {
    tables: results,
    made: missing?.made ?? [],
    mapped,
    warnings: [
      ...targets.warnings,
      ...warnings,
      ...triggers.warnings,
      ...staleReferences(targets, results, users.tables),
      ...left,
    ],
  };
}

/** Throws `E_IMPORT` if rows hold raw foreign keys to a table whose rows were renumbered. */
function assertNotRenumbered({ fields, tables }: Targets, results: readonly TableResult[]): void {
  const moved = new Map(results.map(({ table, remapped }) => [table, remapped.samples[0]]));
  for (const { table } of tables)
    for (const { columns, target } of fields.unfollowed(table.id)) {
      const first = moved.get(target);
      if (first !== undefined)
        throw new HoldfastError(
          "E_IMPORT",
          `${table.id}.${columns.join("+")} references ${target} by id, but row ${first.key} has id ` +
            `${first.is} here (${first.was} in the export)`,
          { hint: `import into a database whose ${target} is empty or has the same ids` },
        );
    }
}

/** Returns a warning for each renumbered table that columns without a foreign key seem to refer to. */
function staleReferences(
  { schema, tables }: Targets,
  results: readonly TableResult[],
  refused: readonly Table[],
): string[] {
  const imported = { ...schema, tables: tables.map(({ table }) => table) };
  return results.flatMap(({ table, remapped }) => {
    const target = schema.tables.find(({ id }) => id === table && !refused.some((one) => one.id === id));
    const references = target === undefined || remapped.count === 0 ? [] : implicitReferences(imported, target);
    return references.length === 0 ? [] : renumberedText(table, remapped.count, references);
  });
}

const renumberedText = (table: TableId, count: number, references: readonly string[]): string =>
  `${table}: ${plural(count, "row was", "rows were")} renumbered; ${summarizeList(references)} look like references to ${table} ` +
  "but have no foreign key and still hold the old ids. Check them, or roll back";

/** Throws `E_USAGE` if tables are to be cleared and the export holds only part of their rows. */
function assertMayClear({ tables }: ExportReader, { clearExisting }: ImportRequest): void {
  const part = tables.find(({ where }) => where !== undefined);
  if (clearExisting && part !== undefined)
    throw new HoldfastError(
      "E_USAGE",
      `--clear-existing needs all rows of a table; the export has only some rows of ${part.table}`,
    );
}

function orderOf(targets: Targets): { order: TargetTable[]; deferred: readonly DeferredKey[] } {
  const keys = new Map(targets.ordering.tables.map(({ id }) => [id, targets.fields.key(id)]));
  const { order, deferred } = orderTables(targets.ordering, keysOf(targets.ordering, keys));
  const byId = new Map(targets.tables.map((target) => [target.table.id, target]));
  return { order: order.flatMap((id) => byId.get(id) ?? []), deferred };
}

function linksOf(targets: Targets, deferred: readonly DeferredKey[], id: TableId): ForeignKey[] {
  const names = new Set(
    deferred.filter((one) => one.table === id && one.how === "null-then-update").map((one) => one.foreignKey),
  );
  const table = targets.ordering.tables.find((one) => one.id === id);
  return table?.foreignKeys.filter(({ name }) => names.has(name)) ?? [];
}

/** Returns the foreign keys that may refer to rows not inserted yet, and that cannot be NULL until then. */
function waitingOf(
  targets: Targets,
  deferred: readonly DeferredKey[],
  { target: { table, key } }: StagingTable,
): ForeignKey[] {
  const names = new Set(
    deferred.filter((one) => one.table === table.id && one.how !== "null-then-update").map((one) => one.foreignKey),
  );
  const { foreignKeys = [] } = targets.schema.tables.find(({ id }) => id === table.id) ?? {};
  return foreignKeys.filter(
    ({ name, columns }) => names.has(name) && !columns.every((one) => key.columns.includes(one)),
  );
}

/** Returns the foreign keys that cannot be checked row by row, with their tables. */
const lateChecks = (
  schema: Schema,
  deferred: readonly DeferredKey[],
  { fields }: Targets,
): { table: Table; link: ForeignKey }[] =>
  schema.tables.flatMap((table) =>
    table.foreignKeys
      .filter(({ name }) =>
        deferred.some((one) => one.table === table.id && one.foreignKey === name && one.how !== "null-then-update"),
      )
      .filter(({ name }) => fields.tree(table.id)?.parent.name !== name)
      .map((link) => ({ table, link })),
  );

async function clear(
  connection: Connection,
  stagings: readonly StagingTable[],
  laterOf: (id: TableId) => readonly ForeignKey[],
): Promise<void> {
  for (const staging of stagings)
    for (const link of laterOf(staging.target.table.id))
      await connection.run(
        `update ${realRows(connection, staging)} set ${nullable(staging.target.table, link)
          .map((name) => `${connection.quote(name)} = null`)
          .join(", ")}`,
      );
  for (const staging of stagings.toReversed()) {
    try {
      await connection.run(`delete from ${realRows(connection, staging)}`);
    } catch (error) {
      throw new HoldfastError(
        "E_IMPORT",
        `${staging.target.table.id} cannot be emptied: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  }
}

const nullable = ({ columns }: Table, link: ForeignKey): string[] =>
  link.columns.filter((name) => columns.find((column) => column.name === name)?.nullable === true);
