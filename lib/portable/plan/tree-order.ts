/** Orders tables that may have tree keys. */
import { stronglyConnected } from "../schema/graph.ts";
import { orderTables, type DeferredKey, type TableOrder } from "./table-order.ts";
import type { Schema, Table, TableId } from "../schema/tables.ts";
import { parentLink } from "../schema/foreign-keys.ts";
import { byPrimaryKey, keysOf, type ExportedKey, type ExportedKeys } from "../schema/keys/exported.ts";

/**
 * Orders tables like `orderTables`. A tree in a cycle of NOT NULL foreign keys is identified by primary key: its rows
 * cannot be resolved level by level before they exist. Changes `keys`.
 */
export function orderWithTrees(schema: Schema, keys: Map<TableId, ExportedKey>): TableOrder {
  const ordered = orderTables(schema, keysOf(schema, keys));
  const stuck = stuckTrees(schema, keys, ordered.deferred);
  if (stuck.length === 0) return ordered;
  for (const table of schema.tables) {
    const key = keys.get(table.id);
    if (key === undefined || !stuck.includes(table.id)) continue;
    keys.set(table.id, byPrimaryKey(table, `${key.reason}, which is in a cycle of NOT NULL foreign keys`));
  }
  return orderTables(schema, keysOf(schema, keys));
}

/** Returns the trees in a cycle of tables of which a NOT NULL foreign key is deferred. */
function stuckTrees(schema: Schema, keys: ExportedKeys, deferred: readonly DeferredKey[]): TableId[] {
  const late = deferred.filter(({ how }) => how === "deferred-check").map(({ table }) => table);
  const cycles = stronglyConnected(
    new Map(schema.tables.map(({ id, foreignKeys }) => [id, foreignKeys.map(({ target }) => target)])),
  ).filter((cycle) => late.some((id) => cycle.includes(id)));
  return treesOf(schema, keys).flatMap(({ id }) => (cycles.some((cycle) => cycle.includes(id)) ? [id] : []));
}

/** Returns the tables with rows identified by a path from a root. */
export function treesOf({ tables }: Schema, keys: ExportedKeys): Table[] {
  const known = new Set(tables.map(({ id }) => id));
  return tables.filter((table) => {
    const key = keys.get(table.id);
    return key?.kind === "natural" && parentLink(table, key.columns, (id) => known.has(id)) !== undefined;
  });
}
