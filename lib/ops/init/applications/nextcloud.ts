/** Detects Nextcloud by config/config.php. */
import path from "node:path";
import type { Application } from "../sources/application.ts";
import { sqliteUrl } from "../sources/database-url.ts";
import { readText, relativeTo, treeAt } from "../sources/files.ts";
import { phpDatabase } from "./php-config.ts";
import { EXPRESSION, phpString, withoutComments } from "../sources/source-text.ts";

export const nextcloud: Application = {
  name: "Nextcloud",
  detect: (directory) => {
    const file = path.join(directory, "config/config.php");
    const source = withoutComments(readText(file) ?? "", "php");
    if (!/\$CONFIG\s*=/.test(source)) return undefined;
    const expressionOf = (key: string): string | undefined =>
      new RegExp(String.raw`(?:'${key}'|"${key}")\s*=>\s*${EXPRESSION}`).exec(source)?.[1];
    const valueOf = (key: string): string | undefined =>
      phpString(expressionOf(key) ?? "", { __DIR__: path.dirname(file) });
    const type = valueOf("dbtype") ?? "sqlite3";
    const data = path.resolve(directory, valueOf("datadirectory") ?? "data");
    const found = type.startsWith("sqlite")
      ? {
          databases: [
            { url: sqliteUrl(relativeTo(directory, path.join(data, `${valueOf("dbname") ?? "owncloud"}.db`))) },
          ],
          unknown: [],
        }
      : phpDatabase({
          engine: type === "pgsql" ? "postgresql" : "mysql",
          file,
          name: valueOf("dbname"),
          user: valueOf("dbuser"),
          host: valueOf("dbhost"),
          port: valueOf("dbport"),
          password: valueOf("dbpassword"),
          hasPassword: expressionOf("dbpassword") !== undefined,
          before: String.raw`^[[:space:]]*['"]dbpassword['"][[:space:]]*=>[[:space:]]*`,
        });
    return { ...found, trees: treeAt(directory, "data", data), secretFiles: ["config/config.php"] };
  },
};
