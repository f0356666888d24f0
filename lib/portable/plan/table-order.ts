/** In what order the tables of a schema are filled, and which foreign keys must wait because they close a circle. */
import type { EngineName } from "../../database/snapshot.ts";
import { HoldfastError } from "../../errors.ts";
import { byName, stronglyConnected, wayBetween } from "../schema/graph.ts";
import { isSelfIdentity, type TableKey } from "../schema/keys/candidates.ts";
import type { ForeignKey, Schema, Table, TableId } from "../schema/tables.ts";

/**
 * What is done about a foreign key whose target comes later:
 *
 * - `null-then-update`: the row goes in with NULL, and gets the value once all rows are there.
 * - `by-level`: of a table to itself; rows go in after the rows that they point to. Rows that point to themselves come first: where the column is
 *   NOT NULL there are some.
 * - `deferred-check`: the row goes in with its value, which must be known by then, and the database or Holdfast looks at the end: a DEFERRABLE
 *   constraint (PostgreSQL, where need be after ALTER CONSTRAINT), any (SQLite), or with foreign_key_checks off and a check of our own (MySQL).
 */
export type Deferral = "null-then-update" | "by-level" | "deferred-check";

export interface DeferredKey {
  readonly table: TableId;
  /** Its name. */
  readonly foreignKey: string;
  readonly how: Deferral;
}

export interface TableOrder {
  /** Every foreign key that is not deferred points to an earlier table. */
  readonly order: readonly TableId[];
  /** By table and name. */
  readonly deferred: readonly DeferredKey[];
}

/** A foreign key on its way into the order. */
interface Edge {
  readonly table: Table;
  readonly key: ForeignKey;
  /** What it costs to defer it: the dearest come first into the order. */
  readonly cost: number;
  readonly how: Deferral;
}

const COST = { nullable: 0, deferrable: 1, altered: 2, never: 3 } as const;

/**
 * Parents before children, by id among equals: the same for the same schema. In a circle those foreign keys wait that cost least: nullable ones
 * that are in no key, of tables with few rows before others; then those that the target's `engine` checks late; then any that it can be made to. Foreign
 * keys into tables that are not in the schema count for nothing. Throws `E_CYCLE` where the keys of several tables need each other, which
 * `chooseKeys` never gives.
 */
export function orderTables(
  schema: Schema,
  keys: ReadonlyMap<TableId, TableKey>,
  engine: EngineName = schema.engine,
): TableOrder {
  const tables = schema.tables.toSorted((a, b) => byName(a.id, b.id));
  const known = new Set(tables.map(({ id }) => id));
  const edges = tables.flatMap((table) =>
    table.foreignKeys
      .filter((key) => known.has(key.target) && !isSelfIdentity(table, key))
      .toSorted((a, b) => byName(a.name, b.name))
      .map((key) => edgeOf(table, key, keys.get(table.id), engine)),
  );
  const between = edges.filter(({ table, key }) => key.target !== table.id);
  const kept = breakCycles(tables, between);
  const deferred = edges
    .filter((edge) => !kept.has(edge))
    .map(({ table, key, how }) => ({ table: table.id, foreignKey: key.name, how }));
  return { order: sortByParents(tables, kept), deferred };
}

function edgeOf(table: Table, key: ForeignKey, chosen: TableKey | undefined, engine: EngineName): Edge {
  const toItself = key.target === table.id;
  const inKey = chosen?.kind === "natural" && chosen.nests.some(({ name }) => name === key.name);
  if (inKey) return { table, key, cost: COST.never, how: "by-level" };
  if (canBeNull(table, key, chosen)) return { table, key, cost: COST.nullable, how: "null-then-update" };
  const checkedLate = key.deferrable || engine === "sqlite";
  if (toItself && !checkedLate) return { table, key, cost: COST.altered, how: "by-level" };
  return { table, key, cost: checkedLate ? COST.deferrable : COST.altered, how: "deferred-check" };
}

/** Whether rows can be told apart and stored while the reference is NULL: one of its columns may be, and is in nothing that is unique then, or looked at. */
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

/** The edges that stay: all that close no circle, the dearest first. */
function breakCycles(tables: readonly Table[], edges: readonly Edge[]): Set<Edge> {
  const graph = new Map<TableId, TableId[]>(tables.map(({ id }) => [id, []]));
  for (const { table, key } of edges) graph.get(table.id)?.push(key.target);
  const circles = stronglyConnected(graph);
  const circleOf = new Map(circles.flatMap((circle, number) => circle.map((id) => [id, number] as const)));
  const inCircle = ({ table, key }: Edge): boolean => circleOf.get(table.id) === circleOf.get(key.target);
  const kept = new Set(edges.filter((edge) => !inCircle(edge)));
  const path = new Map<TableId, TableId[]>(tables.map(({ id }) => [id, []]));
  for (const edge of edges.filter(inCircle).toSorted(dearestFirst)) {
    const { table, key, cost } = edge;
    const back = wayBetween(path, key.target, table.id);
    if (back === undefined) {
      kept.add(edge);
      path.get(table.id)?.push(key.target);
    } else if (cost === COST.never) {
      throw cycleError(back, edges);
    }
  }
  return kept;
}

/** By cost, then by the rows that would have to be written twice, then by name. */
const dearestFirst = (a: Edge, b: Edge): number =>
  b.cost - a.cost ||
  b.table.estimatedRows - a.table.estimatedRows ||
  byName(a.table.id, b.table.id) ||
  byName(a.key.name, b.key.name);

function cycleError(way: readonly TableId[], edges: readonly Edge[]): HoldfastError {
  const steps = way.map((id, at) => {
    const next = way[(at + 1) % way.length];
    const edge = edges.find(({ table, key, cost }) => cost === COST.never && table.id === id && key.target === next);
    return `${id}.${edge?.key.columns.join("+") ?? "?"}`;
  });
  return new HoldfastError("E_CYCLE", `the keys of these tables need each other: ${[...steps, way[0]].join(" → ")}`);
}

/** The smallest id among those whose parents are all there (Kahn). */
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

/** Into a sorted list. */
function insert(sorted: TableId[], id: TableId): void {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (byName(sorted[middle] ?? "", id) < 0) low = middle + 1;
    else high = middle;
  }
  sorted.splice(low, 0, id);
}
