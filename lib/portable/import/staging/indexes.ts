/** Creates indexes of temporary tables. On MySQL they must be part of CREATE TABLE: CREATE INDEX commits implicitly. */
import type { Dialect } from "../../engines/shared/dialect.ts";

const isMysql = ({ connection: { engine } }: Dialect): boolean => engine === "mysql" || engine === "mariadb";

/** Returns the index clauses that follow the columns of a CREATE TABLE on MySQL. */
export const inlineIndexes = (dialect: Dialect, columns: readonly string[]): string =>
  isMysql(dialect) ? columns.map((name) => `, index (${dialect.connection.quote(name)})`).join("") : "";

/** Creates the indexes once the rows are loaded, except on MySQL. */
export async function addIndexes(dialect: Dialect, table: string, columns: readonly string[]): Promise<void> {
  if (isMysql(dialect)) return;
  const { connection } = dialect;
  for (const name of columns)
    await connection.run(
      `create index ${connection.quote(`${table}_${name}`)} on ${connection.quote(table)} (${connection.quote(name)})`,
    );
}
