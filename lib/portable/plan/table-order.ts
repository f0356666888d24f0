/** Orders the tables of a schema for writing, and chooses the foreign keys to defer in cycles. */
import { portableEngine } from "../engines/registry.ts";
import { HoldfastError } from "../../errors.ts";
import { byName, stronglyConnected, pathBetween } from "../schema/graph.ts";
import { isSelfIdentity } from "../schema/keys/natural-key.ts";
import type { TableKey } from "../schema/keys/table-key.ts";
import type { ForeignKey, Schema, Table, TableId } from "../schema/tables.ts";

/**
 * The treatment of a foreign key if its target is written later:
 *
 * - `null-then-update`: the row is inserted with NULL and updated once all rows exist.
 * - `by-level`: for a reference to the same table, rows are inserted after the rows that they reference. Rows that
 *   reference themselves come first; a NOT NULL column requires some.
 * - `deferred-check`: the row is inserted with its value, which must be known by then, and the check follows at the
 *   end: by a DEFERRABLE constraint (PostgreSQL, if necessary after ALTER CONSTRAINT), by any constraint (SQLite), or
 *   with foreign_key_checks off and a check of our own (MySQL).
 */
export type Deferral = "null-then-update" | "by-level" | "deferred-check";

export interface DeferredKey {
  readonly table: TableId;
  /** The foreign key's name. */
  readonly foreignKey: string;
  readonly how: Deferral;
}

export interface TableOrder {
  /** Every foreign key that is not deferred references an earlier table. */
  readonly order: readonly TableId[];
  /** Deferred foreign keys, sorted by table and name. */
  readonly deferred: readonly DeferredKey[];
}

/** A foreign key to be ordered. */
interface Edge {
  readonly table: Table;
  readonly key: ForeignKey;
  /** The cost of deferring it; the most expensive are ordered first. */
  readonly cost: number;
  readonly how: Deferral;
}

const COST = { nullable: 0, deferrable: 1, altered: 2, never: 3 } as const;

/**
 * Orders parents before children, and by id among equals, so that a schema has one order. In a cycle, the cheapest
 * foreign keys are deferred: nullable ones outside any key, preferably of tables with few rows; then those that the
 * target checks late; then any that it can be made to check late. Foreign keys to tables outside the schema
 * are ignored. Throws `E_CYCLE` if the keys of several tables depend on each other, which `chooseKeys` never returns.
 */
export function orderTables(
  schema: Schema,
  keys: ReadonlyMap<TableId, TableKey>,
  canDeferAll: boolean = portableEngine(schema.engine).constraints.canDeferAll,
): TableOrder {
  const tables = schema.tables.toSorted((a, b) => byName(a.id, b.id));
  const known = new Set(tables.map(({ id }) => id));
  const edges = tables.flatMap((table) =>
    table.foreignKeys
      .filter((key) => known.has(key.target) && !isSelfIdentity(table, key))
      .toSorted((a, b) => byName(a.name, b.name))
      .map((key) => edgeOf(table, key, keys.get(table.id), canDeferAll)),
  );
  const between = edges.filter(({ table, key }) => key.target !== table.id);
  const kept = breakCycles(tables, between);
  const deferred = edges
    .filter((edge) => !kept.has(edge))
    .map(({ table, key, how }) => ({ table: table.id, foreignKey: key.name, how }));
  return { order: sortByParents(tables, kept), deferred };
}

function edgeOf(table: Table, key: ForeignKey, chosen: TableKey | undefined, canDeferAll: boolean): Edge {
  const toItself = key.target === table.id;
  const inKey = chosen?.kind === "natural" && chosen.nests.some(({ name }) => name === key.name);
  if (inKey) return { table, key, cost: COST.never, how: "by-level" };
  if (canBeNull(table, key, chosen)) return { table, key, cost: COST.nullable, how: "null-then-update" };
  const checkedLate = key.deferrable || canDeferAll;
  if (toItself && !checkedLate) return { table, key, cost: COST.altered, how: "by-level" };
  return { table, key, cost: checkedLate ? COST.deferrable : COST.altered, how: "deferred-check" };
}

/**
 * Checks whether rows can be stored and identified while the reference is NULL: one of its columns is nullable, and in
 * no key or condition that a NULL affects.
 */
function canBeNull(table: Table, key: ForeignKey, chosen: TableKey | undefined): boolean {
  const needed = new Set([
    ...(table.primaryKey?.columns ?? []),
    ...(chosen === undefined || chosen.kind === "none" ? [] : chosen.columns),
    ...table.uniques.filter(({ nullsNotDistinct }) => nullsNotDistinct).flatMap(({ columns }) => columns),
    ...(table.watched ?? []),
  ]);
  return table.columns.some(
    ({ name, nullable, generated }) => key.columns.includes(name) && nullable && !generated && !needed.has(name),
  );
}

/** Returns the edges to keep: all that close no cycle, the most expensive first. */
function breakCycles(tables: readonly Table[], edges: readonly Edge[]): Set<Edge> {
  const graph = new Map<TableId, TableId[]>(tables.map(({ id }) => [id, []]));
  for (const { table, key } of edges) graph.get(table.id)?.push(key.target);
  const cycles = stronglyConnected(graph);
  const cycleOf = new Map(cycles.flatMap((cycle, number) => cycle.map((id) => [id, number] as const)));
  const inCycle = ({ table, key }: Edge): boolean => cycleOf.get(table.id) === cycleOf.get(key.target);
  const kept = new Set(edges.filter((edge) => !inCycle(edge)));
  const followed = new Map<TableId, TableId[]>(tables.map(({ id }) => [id, []]));
  for (const edge of edges.filter(inCycle).toSorted(costliestFirst)) {
    const { table, key, cost } = edge;
    const path = pathBetween(followed, key.target, table.id);
    if (path === undefined) {
      kept.add(edge);
      followed.get(table.id)?.push(key.target);
    } else if (cost === COST.never) {
      throw cycleError(path, edges);
    }
  }
  return kept;
}

/** Compares by cost, then by the rows that would be written twice, then by name. */
const costliestFirst = (a: Edge, b: Edge): number =>
  b.cost - a.cost ||
  b.table.estimatedRows - a.table.estimatedRows ||
  byName(a.table.id, b.table.id) ||
  byName(a.key.name, b.key.name);

function cycleError(path: readonly TableId[], edges: readonly Edge[]): HoldfastError {
  const steps = path.map((id, at) => {
    const next = path[(at + 1) % path.length];
    const edge = edges.find(({ table, key, cost }) => cost === COST.never && table.id === id && key.target === next);
    return `${id}.${edge?.key.columns.join("+") ?? "?"}`;
  });
  const cycle = [...steps, path[0]].join(" → ");
  return new HoldfastError("E_CYCLE", `the keys of these tables depend on each other: ${cycle}`);
}

/** Sorts topologically; among tables with all parents placed, the smallest id comes first (Kahn). */
function sortByParents(tables: readonly Table[], edges: ReadonlySet<Edge>): TableId[] {
  const missing = new Map<TableId, number>(tables.map(({ id }) => [id, 0]));
  const children = new Map<TableId, TableId[]>(tables.map(({ id }) => [id, []]));
  for (const { table, key } of edges) {
    missing.set(table.id, (missing.get(table.id) ?? 0) + 1);
    children.get(key.target)?.push(table.id);
  }
  const ready = tables.map(({ id }) => id).filter((id) => missing.get(id) === 0);
  const order: TableId[] = [];
  for (let id = ready.shift(); id !== undefined; id = ready.shift()) {
    order.push(id);
    for (const child of children.get(id) ?? []) {
      const left = (missing.get(child) ?? 0) - 1;
      missing.set(child, left);
      if (left === 0) insert(ready, child);
    }
  }
  return order;
}

/** Inserts an id into a sorted list. */
function insert(sorted: TableId[], id: TableId): void {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (byName(sorted[middle] ?? "", id) < 0) low = middle + 1;
    else high = middle;
  }
  sorted.splice(low, 0, id);
}
