/** Detects MediaWiki by LocalSettings.php. */
import path from "node:path";
import type { Application, Found } from "../sources/application.ts";
import { sqliteUrl } from "../sources/database-url.ts";
import { readText, relativeTo, treeAt } from "../sources/files.ts";
import { phpDatabase } from "./php-config.ts";
import { EXPRESSION, phpString, withoutComments } from "../sources/source-text.ts";
import { findSqliteFiles } from "../sources/sqlite-files.ts";
import { MEDIAWIKI_USERS } from "./user-columns.ts";

export const mediawiki: Application = {
  name: "MediaWiki",
  detect: (directory) => {
    const file = path.join(directory, "LocalSettings.php");
    const text = readText(file);
    if (text === undefined) return undefined;
    const source = withoutComments(text, "php");
    const variables = { $IP: directory, __DIR__: directory };
    const expressionOf = (name: string): string | undefined =>
      new RegExp(String.raw`\$${name}\s*=\s*${EXPRESSION}`).exec(source)?.[1];
    const valueOf = (name: string): string | undefined => phpString(expressionOf(name) ?? "", variables);
    const type = valueOf("wgDBtype") ?? "mysql";
    const found =
      type === "sqlite"
        ? sqliteDatabases(directory, valueOf("wgSQLiteDataDir"), valueOf("wgDBname"))
        : phpDatabase({
            engine: type === "postgres" ? "postgresql" : "mysql",
            file,
            name: valueOf("wgDBname"),
            user: valueOf("wgDBuser"),
            host: valueOf("wgDBserver"),
            port: type === "postgres" ? valueOf("wgDBport") : undefined,
            password: valueOf("wgDBpassword"),
            hasPassword: expressionOf("wgDBpassword") !== undefined,
            before: String.raw`^[[:space:]]*\$wgDBpassword[[:space:]]*=[[:space:]]*`,
          });
    return {
      ...found,
      trees: treeAt(directory, "images", valueOf("wgUploadDirectory") ?? "images"),
      secretFiles: ["LocalSettings.php"],
      references: { prefix: valueOf("wgDBprefix") ?? "", ...MEDIAWIKI_USERS },
    };
  },
};

/** Returns the SQLite files of the data directory: the wiki, its job queue and its caches. */
function sqliteDatabases(
  directory: string,
  data: string | undefined,
  name: string | undefined,
): Pick<Found, "databases" | "unknown"> {
  if (data === undefined || name === undefined)
    return { databases: [], unknown: ["the SQLite files: LocalSettings.php does not set their directory literally"] };
  const place = path.resolve(directory, data);
  const wiki = path.join(place, `${name}.sqlite`);
  const { files, unknown } = findSqliteFiles(place);
  const others = files.map((file) => path.join(place, file)).filter((file) => file !== wiki);
  return {
    databases: [wiki, ...others].map((file) => ({ url: sqliteUrl(relativeTo(directory, file)) })),
    unknown,
  };
}
