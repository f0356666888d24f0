/** A directory of an application that is not known. */
import type { Application, Found } from "./application.ts";
import { sqliteUrl } from "./database-url.ts";
import { findSqliteFiles } from "./sqlite-files.ts";

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
