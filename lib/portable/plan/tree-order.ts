/** The order of tables whose keys may be trees. */
import { stronglyConnected } from "../schema/graph.ts";
import { orderTables, type DeferredKey, type TableOrder } from "./table-order.ts";
import type { Schema, Table, TableId } from "../schema/tables.ts";
import { parentLink } from "../schema/foreign-keys.ts";
import { byPrimaryKey, keysOf, type ExportedKey, type ExportedKeys } from "../schema/keys/exported.ts";

/**
 * Like `orderTables`. A tree in a ring of tables that wait for each other and may not be NULL takes its number: its rows cannot be
 * found level by level before they are there. Changes `keys`.
 */
export function orderWithTrees(schema: Schema, keys: Map<TableId, ExportedKey>): TableOrder {
  const ordered = orderTables(schema, keysOf(schema, keys));
  const stuck = stuckTrees(schema, keys, ordered.deferred);
  if (stuck.length === 0) return ordered;
  for (const table of schema.tables) {
    const key = keys.get(table.id);
    if (key === undefined || !stuck.includes(table.id)) continue;
    keys.set(
      table.id,
      byPrimaryKey(table, `${key.reason}, which waits for a table that waits for it and may not be NULL`),
    );
  }
  return orderTables(schema, keysOf(schema, keys));
}

/** Trees in a ring of tables of which a link that may not be NULL has to wait. */
function stuckTrees(schema: Schema, keys: ExportedKeys, deferred: readonly DeferredKey[]): TableId[] {
  const late = deferred.filter(({ how }) => how === "deferred-check").map(({ table }) => table);
  const rings = stronglyConnected(
    new Map(schema.tables.map(({ id, foreignKeys }) => [id, foreignKeys.map(({ target }) => target)])),
  ).filter((ring) => late.some((id) => ring.includes(id)));
  return treesOf(schema, keys).flatMap(({ id }) => (rings.some((ring) => ring.includes(id)) ? [id] : []));
}

/** The tables whose rows are known by the way from a root to them. */
export function treesOf({ tables }: Schema, keys: ExportedKeys): Table[] {
  const known = new Set(tables.map(({ id }) => id));
  return tables.filter((table) => {
    const key = keys.get(table.id);
    return key?.kind === "natural" && parentLink(table, key.columns, (id) => known.has(id)) !== undefined;
  });
}
