/** Chooses the library that serves SQLite, once in each thread (docs/adr/0008). */
import { createRequire } from "node:module";
import type Sqlite from "better-sqlite3";
import { HoldfastError } from "../errors.ts";
import { betterSqlite3Driver } from "./better-sqlite3.ts";
import { builtInDriver } from "./built-in.ts";
import type { SqliteDatabase, SqliteDriver, SqliteOptions } from "./database.ts";
import { loadNodeSqlite, readsWholeTexts } from "./node-sqlite.ts";

/** The first major of Node under which better-sqlite3 12 aborts the process at its end. */
const ADD_ON_ABORTS = 24;

let chosen: SqliteDriver | undefined;

/** Opens a database. Throws `SqliteError`, and `E_VERSION` where this Node has no SQLite. */
export function openSqliteFile(path: string, options: SqliteOptions): SqliteDatabase {
  return sqliteDriver().open(path, options);
}

/** Returns the library that serves. Throws `E_VERSION` where neither does. */
export function sqliteDriver(): SqliteDriver {
  return (chosen ??= choose());
}

/** Returns every driver that works on this Node, for the contract suite. */
export function sqliteDrivers(): readonly SqliteDriver[] {
  const module = loadNodeSqlite();
  const addOn = loadAddOn();
  return [...(module === undefined ? [] : [builtInDriver(module)]), ...(addOn instanceof HoldfastError ? [] : [addOn])];
}

function choose(): SqliteDriver {
  const module = loadNodeSqlite();
  if (module !== undefined && readsWholeTexts(module)) return builtInDriver(module);
  const addOn = loadAddOn();
  if (!(addOn instanceof HoldfastError)) return addOn;
  if (module !== undefined) return builtInDriver(module);
  throw addOn;
}

function loadAddOn(): SqliteDriver | HoldfastError {
  const node = `Node ${process.version}`;
  const [major] = process.versions.node.split(".").map(Number);
  if (major === undefined || major >= ADD_ON_ABORTS) {
    return new HoldfastError("E_VERSION", `${node} has no SQLite that Holdfast can use`, {
      hint: "install Node 24.20 or later: https://nodejs.org/en/download",
    });
  }
  const require = createRequire(import.meta.url);
  try {
    const module: unknown = require("better-sqlite3");
    if (!isConstructor(module)) throw new TypeError("better-sqlite3 is not a constructor");
    new module(":memory:").close(); // loads the compiled part
    return betterSqlite3Driver(module);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const isMissing = code === "MODULE_NOT_FOUND";
    const message = isMissing
      ? `better-sqlite3, which ${node} needs for SQLite, is not installed`
      : `better-sqlite3 was built for another Node than ${node}, or not at all`;
    const command = isMissing ? "npm install --include=optional" : "npm rebuild better-sqlite3";
    const hint = `in the directory of Holdfast: ${command}`;
    return new HoldfastError("E_VERSION", message, { hint, cause: error });
  }
}

const isConstructor = (module: unknown): module is typeof Sqlite => typeof module === "function";
