/** Columns that a database computes: their values do not travel, which is told where the other side keeps them as they are given. */
import type { Column, Table } from "./tables.ts";

/** Returns the names of a table's columns that its database computes. */
export const computedIn = ({ columns }: Table): string[] =>
  columns.filter(({ generated, isUnsaid }) => generated && isUnsaid !== true).map(({ name }) => name);

/** Returns the same by the tables that have such columns. */
export const computedByTable = (tables: readonly { readonly table: Table }[]): Record<string, string[]> =>
  Object.fromEntries(
    tables.flatMap(({ table }) => {
      const computed = computedIn(table);
      return computed.length === 0 ? [] : [[table.id, computed]];
    }),
  );

/** Returns what is told of columns of an export that are computed here; undefined where none is. */
export function computedHere(table: Table, columns: readonly Column[], what: string): string | undefined {
  const names = columns.filter(({ generated }) => generated).map(({ name }) => name);
  return names.length === 0
    ? undefined
    : `${table.id}.${names.join(", ")} is computed by this database: ${what} are left out, and verify tells whether its own are the same`;
}
