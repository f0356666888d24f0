/** Verifies a tree's key against its rows: a unique constraint does not cover rows without a parent. */
import type { Connection } from "../engine/connection.ts";
import { candidatesOf } from "../schema/keys/candidates.ts";
import type { NaturalKey } from "../schema/keys/table-key.ts";
import { treeKeyName, type TreeKeyChecks } from "../schema/keys/choose.ts";
import { parentLink } from "../schema/foreign-keys.ts";
import { rowsOf } from "../engine/sql-names.ts";
import type { Schema, Table, TableId } from "../schema/tables.ts";

/** Assumes that the tree keys of some tables are valid; their rows are checked when they are written. */
export function assumeTreeKeys({ tables }: Schema, isTrusted: (table: Table) => boolean): TreeKeyChecks {
  const known = new Set(tables.map(({ id }) => id));
  return new Map(
    tables
      .filter(isTrusted)
      .flatMap((table) =>
        candidatesOf(table, known, undefined).flatMap(({ key }) =>
          key.kind === "natural" && key.tree ? [[treeKeyName(table.id, key), null] as const] : [],
        ),
      ),
  );
}

/** Checks the rows of every table with a tree key as its best key. Throws `E_DATABASE`. */
export async function verifyTreeKeys(connection: Connection, schema: Schema): Promise<TreeKeyChecks> {
  const known = new Set(schema.tables.map(({ id }) => id));
  const proofs = new Map<string, string | null>();
  for (const table of schema.tables)
    for (const { key } of candidatesOf(table, known, undefined)) {
      if (key.kind !== "natural" || key.tree !== true) break;
      proofs.set(treeKeyName(table.id, key), await treeKeyViolation(connection, table, key, known));
    }
  return proofs;
}

async function treeKeyViolation(
  connection: Connection,
  table: Table,
  key: NaturalKey,
  known: ReadonlySet<TableId>,
): Promise<string | null> {
  const parent = parentLink(table, key.columns, (id) => known.has(id));
  const [up, to] = [parent?.columns[0], parent?.targetColumns[0]];
  if (up === undefined || to === undefined) return null; // such a key is never followed
  const { quote } = connection;
  const rows = rowsOf(connection, table);
  const parts = key.columns
    .filter((name) => name !== up)
    .map(quote)
    .join(", ");
  if (key.rootsMayRepeat) {
    const [duplicate] = await connection.rows(
      `select ${parts} from ${rows} where ${quote(up)} is null group by ${parts} having count(*) > 1 limit 1`,
    );
    if (duplicate !== undefined) return `rows without a parent share (${duplicate.map(String).join(", ")})`;
  }
  const [own] = await connection.rows(`select 1 from ${rows} where ${quote(up)} = ${quote(to)} limit 1`);
  if (own !== undefined) return "a row is its own parent";
  const [orphan] = await connection.rows(
    `select 1 from ${rows} as t left join ${rows} as p on p.${quote(to)} = t.${quote(up)} ` +
      `where t.${quote(up)} is not null and p.${quote(to)} is null limit 1`,
  );
  return orphan === undefined ? null : "the parent of a row is missing";
}
