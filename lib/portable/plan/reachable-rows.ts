/** What keeps a tree from being walked, and its rows from having keys. */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import type { RowLayout, KeyColumn, Tree } from "../rows/fields.ts";
import { isPath } from "../rows/tree-path.ts";
import type { TableId } from "../schema/tables.ts";
import { rowsOf } from "../schema/sql-names.ts";
import { isMysql } from "../rows/recursive-query.ts";

/**
 * Before trees are walked: lets the session go as deep as they are, and looks for rows that no way from a root leads to. Throws `E_IMPORT` with some of them. `ids`
 * are tables whose rows or links travel.
 */
export async function assertTreesConnected(
  connection: Connection,
  fields: RowLayout,
  ids: readonly TableId[],
): Promise<void> {
  const trees = treesIn(fields, ids);
  if (trees.length > 0 && isMysql(connection))
    await connection.run(
      `set session ${connection.engine === "mariadb" ? "max_recursive_iterations" : "cte_max_recursion_depth"} = 4294967295`,
    );
  for (const { table, parent, parts } of trees) {
    const { quote } = connection;
    const [up, to] = [quote(parent.columns[0] ?? ""), quote(parent.targetColumns[0] ?? "")];
    const rows = rowsOf(connection, table);
    const own = parts.filter(({ through }) => through.length === 0).map(({ column }) => column);
    const shown = [to, ...own.map(({ name }) => quote(name)), up].map((name) => `t.${name}`).join(", ");
    const empty = table.columns.filter(({ name, nullable }) => nullable && fields.key(table.id).columns.includes(name) && name !== parent.columns[0]); // prettier-ignore
    const lacking = empty.map(({ name }) => ` or t.${quote(name)} is null`).join("");
    const lost = await connection.rows(
      `with recursive holdfast_tree (id) as (select t.${to} from ${rows} as t where t.${up} is null union all select t.${to} from holdfast_tree as h join ${rows} as t on t.${up} = h.id) select ${shown} from ${rows} as t left join holdfast_tree as h on h.id = t.${to} where h.id is null${lacking} limit 10`,
    );
    if (lost.length === 0) continue;
    const names = [parent.targetColumns[0], ...own.map(({ name }) => name), parent.columns[0]].join(", ");
    throw new HoldfastError(
      "E_IMPORT",
      `${table.id}: no way leads from a root to the rows (${names}) ${lost.map((row) => `(${row.map(String).join(", ")})`).join(", ")}: they go round in a ring, their parents are not there, or they lack a part of the key`,
      {
        hint: `mend ${parent.columns[0] ?? ""}, or let the rows be known by their number: portable.keys: { ${table.name}: [] }`,
      },
    );
  }
}

/** The trees that these tables are, or whose rows their links lead to. */
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
