/** Keys of a table's own columns, and the foreign keys in them. */
import { byName } from "../graph.ts";
import type { Column, ForeignKey, Table, TableId } from "../tables.ts";
import { columnOf } from "./column-traits.ts";
import type { NaturalKey } from "./table-key.ts";

/** Returns a key of these columns, with the foreign keys that lie in it. */
export function naturalKey(
  table: Table,
  known: ReadonlySet<TableId>,
  columns: readonly string[],
  reason: string,
): NaturalKey {
  const nests = nestedForeignKeys(table, columns, known);
  const tree = nests.some(({ target }) => target === table.id);
  return { kind: "natural", columns, nests, ...(tree ? { tree } : {}), reason };
}

/** Returns the foreign keys in a key by which a row references a parent in its own table. */
export const selfReferences = (table: Table, key: NaturalKey): ForeignKey[] =>
  key.nests.filter(({ target }) => target === table.id);

/** Checks whether a tree can have roots, which reference no parent. */
export const canEnd = (table: Table, key: NaturalKey): boolean =>
  selfReferences(table, key).every((one) => one.columns.some((name) => columnOf(table, name)?.nullable === true));

/**
 * Returns the foreign keys that lie entirely within these columns, and that the target's key replaces. A column in
 * several belongs to the widest. A foreign key from columns to themselves is ignored.
 */
export function nestedForeignKeys(
  table: Table,
  columns: readonly string[],
  known: ReadonlySet<TableId>,
): readonly ForeignKey[] {
  const inside = table.foreignKeys
    .filter(
      (key) =>
        known.has(key.target) && !isSelfIdentity(table, key) && key.columns.every((one) => columns.includes(one)),
    )
    .toSorted(
      (a, b) =>
        b.columns.length - a.columns.length ||
        Number(a.target === table.id) - Number(b.target === table.id) ||
        byName(a.name, b.name),
    );
  const covered = new Set<string>();
  return inside.filter((key) => {
    const adds = key.columns.some((column) => !covered.has(column));
    for (const column of key.columns) covered.add(column);
    return adds;
  });
}

/** Checks for a foreign key from columns to themselves. */
export const isSelfIdentity = (table: Table, key: ForeignKey): boolean =>
  key.target === table.id && key.columns.every((column, at) => column === key.targetColumns[at]);

/** Returns the columns of a key that are not part of a foreign key in it. */
export function ownColumns(table: Table, key: NaturalKey): Column[] {
  const nested = new Set(key.nests.flatMap(({ columns }) => columns));
  return key.columns.flatMap((name) => (nested.has(name) ? [] : (columnOf(table, name) ?? [])));
}

/**
 * Checks whether a column of the key belongs to a foreign key that the key contains only in part: alone, its value
 * means nothing.
 */
export function isPartialForeignKey(table: Table, key: NaturalKey, known: ReadonlySet<TableId>): boolean {
  const own = new Set(ownColumns(table, key).map(({ name }) => name));
  return table.foreignKeys.some(
    (one) => known.has(one.target) && !isSelfIdentity(table, one) && one.columns.some((column) => own.has(column)),
  );
}
