/** Checks that keys are unique, by the rows if no constraint ensures it. */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../engine/connection.ts";
import type { RowLayout, TableLayout } from "../rows/fields.ts";
import { parentLink } from "../schema/foreign-keys.ts";
import { rowsOf } from "../engine/sql-names.ts";

/** Returns the foreign key by which a key references its own table; NULL for roots. */
const parentOf = ({ table, key }: Pick<TableLayout, "table" | "key">) =>
  parentLink(table, key.columns, (id) => id === table.id);

/**
 * Throws `E_IMPORT` for duplicate keys or NULL in a key, unless the database rules them out. Configured keys and the
 * roots of trees may have both.
 */
export async function assertUniqueKeys(connection: Connection, { table, key }: TableLayout): Promise<void> {
  const isTree = parentOf({ table, key }) !== undefined;
  const isProved = [table.primaryKey, ...table.uniques].some(
    (unique) =>
      unique !== null &&
      unique.columns.every((name) => key.columns.includes(name)) &&
      (unique.nullsNotDistinct || !isTree),
  );
  if (key.kind !== "natural") return;
  await assertNoNulls(connection, { table, key });
  if (isProved) return;
  const { quote } = connection;
  const columns = key.columns.map(quote).join(", ");
  const duplicates = await connection.rows(
    `select ${columns}, count(*) from ${rowsOf(connection, table)} group by ${columns} having count(*) > 1 limit 10`,
  );
  const [first] = duplicates;
  if (first === undefined) return;
  const more = duplicates.length > 1 ? ", and more keys are not unique" : "";
  throw new HoldfastError(
    "E_IMPORT",
    `${table.id}: ${first.at(-1)?.toString()} rows have the key (${first.slice(0, -1).map(String).join(", ")})${more}`,
    {
      hint: isTree
        ? "rename them, or set another key under portable.keys; an empty list identifies rows by primary key"
        : `change portable.keys, which identifies rows by (${key.columns.join(", ")})`,
    },
  );
}

/** Checks tables that are not exported but identify exported rows by their keys. */
export async function assertUniqueOutside(
  connection: Connection,
  { fields, tables }: { readonly fields: RowLayout; readonly tables: readonly TableLayout[] },
): Promise<void> {
  const own = new Set(tables.map(({ table }) => table.id));
  const referenced = tables.flatMap((one) =>
    one.fields.flatMap((field) => (field.kind === "link" ? fields.leavesOf(field.link).map(({ table }) => table) : [])),
  );
  for (const id of new Set(referenced)) if (!own.has(id)) await assertUniqueKeys(connection, fields.of(id));
}

/**
 * Throws `E_IMPORT` for NULL in a key: NULL equals nothing, so an import would not find the row again. Columns that a
 * constraint covers are not checked, nor is a tree's parent column, which is NULL for roots.
 */
async function assertNoNulls(
  connection: Connection,
  { table, key }: Pick<TableLayout, "table" | "key">,
): Promise<void> {
  const [up] = parentOf({ table, key })?.columns ?? [];
  const enforced = [table.primaryKey, ...table.uniques.filter(({ nullsNotDistinct }) => nullsNotDistinct)];
  const open = table.columns.filter(
    ({ name, nullable }) =>
      nullable &&
      key.columns.includes(name) &&
      name !== up &&
      !enforced.some((unique) => unique?.columns.includes(name) === true),
  );
  if (open.length === 0) return;
  const isNull = open.map(({ name }) => `${connection.quote(name)} is null`).join(" or ");
  const [row] = await connection.rows(`select count(*) from ${rowsOf(connection, table)} where ${isNull}`);
  if (Number(row?.[0] ?? 0) === 0) return;
  throw new HoldfastError(
    "E_IMPORT",
    `${table.id}: rows with NULL in their key (${key.columns.join(", ")}): ${String(row?.[0])}`,
    {
      hint: `set NOT NULL columns under portable.keys, or an empty list: { ${table.name}: [] }`,
    },
  );
}
