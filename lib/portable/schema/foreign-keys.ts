/** Which foreign keys carry a row's columns on its way, and which of them leads from a row to the one above it. */
import type { ForeignKey, Table, TableId } from "./tables.ts";

/** Of foreign keys that share columns, the widest carries them; the others follow from it, and are checked when all is there. */
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
 * The link in a table's key by which that key holds itself: of one column, which is NULL at the roots. Undefined for a key that is no tree's, and for one
 * of several such links or columns.
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
