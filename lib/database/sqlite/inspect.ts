/** Inspects an SQLite database for `doctor`: its rights are those of files. */
import { accessSync, closeSync, constants, openSync, statSync } from "node:fs";
import path from "node:path";
import { asHoldfastError, systemCode } from "../../errors.ts";
import { sqliteDriver } from "../../sqlite/open.ts";
import { userName } from "../../store/writable.ts";
import type { DatabaseInspector } from "../inspection.ts";
import { sqliteFiles } from "./url.ts";

export const inspectSqlite: DatabaseInspector = {
  async programs() {
    return { figure: `SQLite by ${sqliteDriver().name}`, faults: [], warnings: [] };
  },

  // The database itself is not opened: SQLite would create files beside one that no application has open.
  async dumpRights(target) {
    const file = sqliteFiles.locate(target);
    const faults = sqliteFiles.all(file).flatMap((one) => {
      try {
        closeSync(openSync(one, constants.O_RDONLY | constants.O_NONBLOCK));
        return [];
      } catch (error) {
        return systemCode(error) === "ENOENT" ? [] : [asHoldfastError(error, "E_SQLITE").message];
      }
    });
    const hint = `give ${userName()} the right to read it`;
    return { figure: faults.length === 0 ? "can be read" : "cannot be read", faults, warnings: [], hint };
  },

  async restoreRights(target) {
    const directory = path.dirname(sqliteFiles.locate(target));
    const user = userName();
    const figure = `as ${user}`;
    try {
      accessSync(directory, constants.W_OK | constants.X_OK);
      return { figure, faults: [], warnings: [] };
    } catch {
      const { uid } = statSync(directory);
      const warning = `${directory} belongs to uid ${uid}, and ${user} cannot write to it`;
      return { figure, faults: [], warnings: [warning], hint: "run restores as root" };
    }
  },
};
