/** SQLite databases of tests, through the adapter, as the Node at work opens them. */
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { SqliteDatabase } from "../../lib/sqlite/database.ts";
import { openSqliteFile } from "../../lib/sqlite/open.ts";

/** Opens a database, which is made where it is missing. */
export const openDatabase = (path: string): SqliteDatabase => openSqliteFile(path, { mode: "create" });

/** Opens a database, runs the statements and closes it. */
export function runSql(path: string, ...statements: readonly string[]): void {
  const db = openDatabase(path);
  try {
    for (const sql of statements) db.exec(sql);
  } finally {
    db.close();
  }
}

/** Arguments of a Node process that opens the database as `db`, runs the code and goes on as the code says. */
export function processWith(path: string, code: string): string[] {
  const module = pathToFileURL(join(resolve("dist"), "lib/sqlite/open.js")).href;
  const script = `import { openSqliteFile } from ${JSON.stringify(module)};
    let db = openSqliteFile(process.argv[1], { mode: "create", busyTimeout: 20000 });
    globalThis.db = db; // else it is closed when it is collected
    ${code}`;
  return ["--input-type=module", "-e", script, path];
}
