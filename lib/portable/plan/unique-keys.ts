/** Whether the rows of a table can be told apart by its key: asked of the rows, where the database has not proved it. */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import type { RowLayout, TableLayout } from "../rows/fields.ts";
import { parentLink } from "../schema/foreign-keys.ts";
import { rowsOf } from "../schema/sql-names.ts";

/** The link by which the key holds its own table, which is NULL at the roots. */
const parentOf = ({ table, key }: Pick<TableLayout, "table" | "key">) =>
  parentLink(table, key.columns, (id) => id === table.id);

/** A key that was named by hand may not be one, and of a tree's roots the database may not have said so. */
export async function refuseTwins(connection: Connection, { table, key }: TableLayout): Promise<void> {
  const isTree = parentOf({ table, key }) !== undefined;
  const isProved = [table.primaryKey, ...table.uniques].some(
    (unique) =>
      unique !== null &&
      unique.columns.every((name) => key.columns.includes(name)) &&
      (unique.nullsNotDistinct || !isTree),
  );
  if (key.kind !== "natural") return;
  await refuseNulls(connection, { table, key });
  if (isProved) return;
  const { quote } = connection;
  const columns = key.columns.map(quote).join(", ");
  const twins = await connection.rows(
    `select ${columns}, count(*) from ${rowsOf(connection, table)} group by ${columns} having count(*) > 1 limit 10`,
  );
  const [first] = twins;
  if (first === undefined) return;
  throw new HoldfastError(
    "E_IMPORT",
    `${table.id}: ${first.at(-1)?.toString()} rows have the key (${first.slice(0, -1).map(String).join(", ")})${twins.length > 1 ? ", and more keys are not unique" : ""}`,
    {
      hint: isTree
        ? `rename them, or name another key under portable.keys: no columns make rows known by their number`
        : `portable.keys says that (${key.columns.join(", ")}) tells rows apart`,
    },
  );
}

/** The same of tables that are left out, and by whose keys rows travel. */
export async function refuseTwinsOutside(
  connection: Connection,
  { fields, tables }: { readonly fields: RowLayout; readonly tables: readonly TableLayout[] },
): Promise<void> {
  const own = new Set(tables.map(({ table }) => table.id));
  const led = tables.flatMap((one) =>
    one.fields.flatMap((field) => (field.kind === "link" ? fields.leavesOf(field.link).map(({ table }) => table) : [])),
  );
  for (const id of new Set(led)) if (!own.has(id)) await refuseTwins(connection, fields.of(id));
}

/**
 * Nothing equals NULL: an import would not find such a row again. What the database proves by itself is not looked at, nor a tree's link to the row above,
 * which is NULL at the roots.
 */
async function refuseNulls(connection: Connection, { table, key }: Pick<TableLayout, "table" | "key">): Promise<void> {
  const [up] = parentOf({ table, key })?.columns ?? [];
  const proved = [table.primaryKey, ...table.uniques.filter(({ nullsNotDistinct }) => nullsNotDistinct)];
  const open = table.columns.filter(
    ({ name, nullable }) =>
      nullable &&
      key.columns.includes(name) &&
      name !== up &&
      !proved.some((unique) => unique?.columns.includes(name) === true),
  );
  if (open.length === 0) return;
  const isNull = open.map(({ name }) => `${connection.quote(name)} is null`).join(" or ");
  const [row] = await connection.rows(`select count(*) from ${rowsOf(connection, table)} where ${isNull}`);
  if (Number(row?.[0] ?? 0) === 0) return;
  throw new HoldfastError(
    "E_IMPORT",
    `${table.id}: rows with NULL in their key (${key.columns.join(", ")}): ${String(row?.[0])}`,
    {
      hint: `portable.keys has to name columns that are never NULL, or none: { ${table.name}: [] }`,
    },
  );
}
