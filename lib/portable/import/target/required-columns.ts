/** Checks the columns of a target table that an export does not fill: each must do without a value. */
import type { Column, Table } from "../../schema/tables.ts";
import { matchColumn } from "../../schema/names.ts";
import { givenBy } from "./refinement.ts";
import type { TargetTable } from "./types.ts";

/**
 * Reports target columns that the export does not fill: a problem if they need a value, a warning if they were
 * computed.
 */
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
      problems.push(requiredText(table, column, wasComputed));
    else if (wasComputed) warnings.push(unfilledText(table, column));
  }
}

const requiredText = ({ id }: Table, { name }: Column, wasComputed: boolean): string => {
  const why = wasComputed ? "the export lacks its values, which its database computed" : "the export lacks it";
  return `${id}.${name} is NOT NULL without a default, and ${why}: set a value under portable.defaults`;
};

const unfilledText = (table: Table, { name, hasDefault }: Column): string =>
  `${table.id}.${name} was computed by the export's database but is an ordinary column here: ` +
  `new rows get ${hasDefault ? "its default" : "NULL"}, unless portable.defaults sets a value`;
