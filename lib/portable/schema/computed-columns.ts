/**
 * Finds columns that a database computes. Their values are not exported, and a target that stores them gets a warning.
 */
import type { Column, Table } from "./tables.ts";

/** Returns the names of a table's columns that its database computes. */
export const computedIn = ({ columns }: Table): string[] =>
  columns.filter(({ generated, isUnsaid }) => generated && isUnsaid !== true).map(({ name }) => name);

/** Returns the names of computed columns by table, for tables that have any. */
export const computedByTable = (tables: readonly { readonly table: Table }[]): Record<string, string[]> =>
  Object.fromEntries(
    tables.flatMap(({ table }) => {
      const computed = computedIn(table);
      return computed.length === 0 ? [] : [[table.id, computed]];
    }),
  );

/** Returns a message about exported columns that this database computes; undefined without such columns. */
export function computedHere(table: Table, columns: readonly Column[], what: string): string | undefined {
  const names = columns.filter(({ generated }) => generated).map(({ name }) => name);
  return names.length === 0
    ? undefined
    : `${table.id}.${names.join(", ")} is computed by this database: ` +
        `${what} are left out, and verify compares them with its own`;
}
