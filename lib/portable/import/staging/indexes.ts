/** Indexes of temporary tables. MySQL commits for those that are made by a statement of their own, even so. */
import type { Dialect } from "../../engines/shared/dialect.ts";

const isMysql = ({ connection: { engine } }: Dialect): boolean => engine === "mysql" || engine === "mariadb";

/** Behind the columns of a CREATE TABLE. */
export const inlineIndexes = (dialect: Dialect, columns: readonly string[]): string =>
  isMysql(dialect) ? columns.map((name) => `, index (${dialect.connection.quote(name)})`).join("") : "";

/** The same once the rows are there, where it can be. */
export async function addIndexes(dialect: Dialect, table: string, columns: readonly string[]): Promise<void> {
  if (isMysql(dialect)) return;
  const { connection } = dialect;
  for (const name of columns)
    await connection.run(
      `create index ${connection.quote(`${table}_${name}`)} on ${connection.quote(table)} (${connection.quote(name)})`,
    );
}
