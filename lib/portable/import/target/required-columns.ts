/** Columns of a database that an export does not fill: what becomes of them is told, or forbids the import. */
import type { Column, Table } from "../../schema/tables.ts";
import { matchColumn } from "../../schema/names.ts";
import { givenBy } from "./refinement.ts";
import type { TargetTable } from "./types.ts";

/** Looks at what the export does not know of, which has to be able to do without, and at what its database computed. */
export function checkRest(
  { exported, table, fields, added }: Pick<TargetTable, "exported" | "table" | "fields" | "added">,
  { problems, warnings }: { readonly problems: string[]; readonly warnings: string[] },
): void {
  const given = new Set([...givenBy(fields), ...added.map(({ column }) => column.name)]);
  const computed = (exported.columns_computed ?? []).flatMap((name) => matchColumn(table, name)?.name ?? []);
  for (const column of table.columns) {
    if (column.generated || given.has(column.name)) continue;
    const wasComputed = computed.includes(column.name);
    if (!column.nullable && !column.hasDefault && column.identity === undefined)
      problems.push(
        `${table.id}.${column.name} may not be NULL, has no default, and the export ${wasComputed ? "lacks its values, which its database computed" : "does not know it"}: portable.defaults can give it one`,
      );
    else if (wasComputed) warnings.push(unfilledText(table, column));
  }
}

const unfilledText = (table: Table, { name, hasDefault }: Column): string =>
  `${table.id}.${name} was computed by the export's database, and is an ordinary column here: new rows get ${hasDefault ? "its default" : "NULL"} there, unless portable.defaults gives it a value`;
