/** Creates indexes of temporary tables. On MySQL they must be part of CREATE TABLE: CREATE INDEX commits implicitly. */
import type { Connection } from "../../engine/connection.ts";

/** Returns the index clauses that follow the columns of a CREATE TABLE, if the engine wants them there. */
export const inlineIndexes = ({ engine, quote }: Connection, columns: readonly string[]): string =>
  engine.dialect.hasInlineIndexes ? columns.map((name) => `, index (${quote(name)})`).join("") : "";

/** Creates the indexes once the rows are loaded, unless they are inline. */
export async function addIndexes(connection: Connection, table: string, columns: readonly string[]): Promise<void> {
  if (connection.engine.dialect.hasInlineIndexes) return;
  for (const name of columns)
    await connection.run(
      `create index ${connection.quote(`${table}_${name}`)} on ${connection.quote(table)} (${connection.quote(name)})`,
    );
}
