/** A directory without a known application. */
import type { Application, Found } from "../sources/application.ts";
import { sqliteUrl } from "../sources/database-url.ts";
import { findSqliteFiles } from "../sources/sqlite-files.ts";

export const plain = {
  name: "plain directory",
  detect: (directory): Found => {
    const { files, unknown } = findSqliteFiles(directory);
    return {
      databases: files.map((file) => ({ url: sqliteUrl(file) })),
      trees: [],
      secretFiles: [],
      unknown: [...unknown, "databases on a server: add them under database, with a URL"],
    };
  },
} satisfies Application;
