/** Chooses the foreign keys that an export follows, and finds the one that references the parent row. */
import type { ForeignKey, Table, TableId } from "./tables.ts";

/**
 * Returns the foreign keys to follow: of those that share columns, the widest. The others follow from it, and are
 * checked once all rows exist.
 */
export function chosenLinks(table: Table, isCarried: (link: ForeignKey) => boolean): ForeignKey[] {
  const chosen: ForeignKey[] = [];
  const byWidth = table.foreignKeys.filter(isCarried).toSorted((a, b) => b.columns.length - a.columns.length);
  for (const link of byWidth) {
    const free = !chosen.some((one) => one.columns.some((column) => link.columns.includes(column)));
    if (free) chosen.push(link);
  }
  return chosen;
}

/**
 * Returns the foreign key by which a table's key references the table itself: one column, NULL for roots. Undefined if
 * the key is not that of a tree, or has several such foreign keys or columns.
 */
export function parentLink(
  table: Table,
  key: readonly string[],
  isKnown: (target: TableId) => boolean,
): ForeignKey | undefined {
  const own = chosenLinks(table, ({ target }) => isKnown(target)).filter(
    ({ target, columns }) => target === table.id && columns.some((name) => key.includes(name)),
  );
  const [link] = own;
  const [name, ...more] = link?.columns ?? [];
  const isOne = own.length === 1 && more.length === 0 && key.length > 1 && link?.targetColumns[0] !== name;
  return isOne && table.columns.some((column) => column.name === name && column.nullable) ? link : undefined;
}
