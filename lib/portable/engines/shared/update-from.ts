/** Builds the UPDATE of engines that join other tables by FROM. */
import type { Dialect, UpdateParts } from "../../engine/dialect.ts";

export function updateFrom(quote: Dialect["quote"], { table, alias, set, joins, where }: UpdateParts): string {
  const assigned = set.map(([column, value]) => `${quote(column)} = ${value}`).join(", ");
  const from = joins.map((join) => `${join.table} as ${join.alias}`).join(", ");
  const conditions = [...joins.map(({ on }) => on), where].join(" and ");
  return `update ${table} as ${alias} set ${assigned}${from === "" ? "" : ` from ${from}`} where ${conditions}`;
}
