/** Detects WordPress by wp-config.php, beside WordPress or one directory above it. */
import path from "node:path";
import type { Application } from "../sources/application.ts";
import { sqliteUrl } from "../sources/database-url.ts";
import { isDirectory, isFile, readText, relativeTo, treeAt } from "../sources/files.ts";
import { phpDatabase } from "./php-config.ts";
import { EXPRESSION, phpString, withoutComments } from "../sources/source-text.ts";
import { WORDPRESS_USERS } from "./user-columns.ts";

const SQLITE_FILE = "wp-content/database/.ht.sqlite";

export const wordpress: Application = {
  name: "WordPress",
  detect: (directory) => {
    const own = path.join(directory, "wp-config.php");
    const above = path.join(directory, "../wp-config.php");
    const file = isFile(own) || !isDirectory(path.join(directory, "wp-includes")) ? own : above;
    const text = readText(file);
    if (text === undefined) return undefined;
    const source = withoutComments(text, "php");
    const variables = {
      __DIR__: path.dirname(file),
      ABSPATH: `${directory}/`,
      WP_CONTENT_DIR: path.join(directory, "wp-content"),
    };
    const expressionOf = (name: string): string | undefined =>
      new RegExp(String.raw`\bdefine\s*\(\s*(?:'${name}'|"${name}")\s*,\s*${EXPRESSION}`).exec(source)?.[1];
    const valueOf = (name: string): string | undefined => phpString(expressionOf(name) ?? "", variables);
    const found = isFile(path.join(directory, SQLITE_FILE))
      ? { databases: [{ url: sqliteUrl(SQLITE_FILE) }], unknown: [] }
      : phpDatabase({
          engine: "mysql",
          file,
          name: valueOf("DB_NAME"),
          user: valueOf("DB_USER"),
          host: valueOf("DB_HOST"),
          password: valueOf("DB_PASSWORD"),
          hasPassword: expressionOf("DB_PASSWORD") !== undefined,
          before: String.raw`^[[:space:]]*define[[:space:]]*\([[:space:]]*['"]DB_PASSWORD['"][[:space:]]*,[[:space:]]*`,
        });
    const content = valueOf("WP_CONTENT_DIR") ?? path.join(directory, "wp-content");
    const uploads = valueOf("UPLOADS");
    return {
      ...found,
      trees: [
        ...(file === above ? [{ name: "wp-config", path: path.resolve(above) }] : []),
        ...(content.startsWith(`${directory}/`) ? [] : treeAt(directory, "wp-content", content)),
        ...treeAt(directory, "uploads", uploads ?? path.join(content, "uploads")),
      ],
      secretFiles: [relativeTo(directory, path.resolve(file))],
      references: { prefix: prefixIn(source), ...WORDPRESS_USERS },
    };
  },
};

/** Returns the value of `$table_prefix`, which WordPress itself sets in no other way. */
const prefixIn = (source: string): string =>
  phpString(new RegExp(String.raw`\$table_prefix\s*=\s*${EXPRESSION}`).exec(source)?.[1] ?? "", {}) ?? "wp_";
