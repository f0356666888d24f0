/** Checks that the rows of a tree can be reached from its roots and have keys. */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../engine/connection.ts";
import type { RowLayout, KeyColumn, Tree } from "../rows/fields.ts";
import { isPath } from "../rows/tree-path.ts";
import type { TableId } from "../schema/tables.ts";
import { rowsOf } from "../engine/sql-names.ts";

/**
 * Prepares the session for deep trees, and checks that every row is reachable from a root. Throws `E_IMPORT` with some
 * of the rows that are not. `ids` are tables with exported rows or references.
 */
export async function assertTreesConnected(
  connection: Connection,
  fields: RowLayout,
  ids: readonly TableId[],
): Promise<void> {
  const trees = treesIn(fields, ids);
  if (trees.length > 0) await connection.engine.paths.prepare(connection);
  for (const { table, parent, parts } of trees) {
    const { quote } = connection;
    const [up, to] = [quote(parent.columns[0] ?? ""), quote(parent.targetColumns[0] ?? "")];
    const rows = rowsOf(connection, table);
    const own = parts.filter(({ through }) => through.length === 0).map(({ column }) => column);
    const shown = [to, ...own.map(({ name }) => quote(name)), up].map((name) => `t.${name}`).join(", ");
    const inKey = fields.key(table.id).columns.filter((name) => name !== parent.columns[0]);
    const empty = table.columns.filter(({ name, nullable }) => nullable && inKey.includes(name));
    const lacking = empty.map(({ name }) => ` or t.${quote(name)} is null`).join("");
    const lost = await connection.rows(
      `with recursive holdfast_tree (id) as (` +
        `select t.${to} from ${rows} as t where t.${up} is null union all ` +
        `select t.${to} from holdfast_tree as h join ${rows} as t on t.${up} = h.id) ` +
        `select ${shown} from ${rows} as t left join holdfast_tree as h on h.id = t.${to} ` +
        `where h.id is null${lacking} limit 10`,
    );
    if (lost.length === 0) continue;
    const found = lost.map((row) => `(${row.map(String).join(", ")})`).join(", ");
    const names = [parent.targetColumns[0], ...own.map(({ name }) => name), parent.columns[0]].join(", ");
    throw new HoldfastError(
      "E_IMPORT",
      `${table.id}: rows (${names}) ${found} are not reachable from a root: ` +
        "they form a cycle, their parent is missing, or a key column is NULL",
      {
        hint:
          `fix ${parent.columns[0] ?? ""}, or identify the rows by primary key: ` +
          `portable.keys: { ${table.name}: [] }`,
      },
    );
  }
}

/** Returns the trees among these tables, and those that their foreign keys reference. */
function treesIn(fields: RowLayout, ids: readonly TableId[]): Tree[] {
  const found = new Set<TableId>();
  const look = (leaf: KeyColumn): void => {
    if (!isPath(leaf)) return;
    found.add(leaf.table);
    leaf.parts.forEach(look);
  };
  for (const id of ids) {
    fields.keyLeaves(id).forEach(look);
    for (const field of fields.of(id).fields)
      if (field.kind === "link") fields.leavesOf(field.link).forEach(look);
      else if (field.kind === "generic")
        for (const { link } of field.relation.targets) fields.leavesOf(link).forEach(look);
  }
  return [...found].flatMap((id) => fields.tree(id) ?? []);
}
