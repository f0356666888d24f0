/** SQLite for the portable engine. */
import type { PortableEngine } from "../../engine/interface.ts";
import { constraints } from "./constraints.ts";
import { dialect } from "./dialect.ts";
import { introspectSqlite } from "./introspect.ts";
import { large } from "./large-values.ts";
import { sequences } from "./sequences.ts";
import { paths } from "./tree-paths.ts";
import { values } from "./values.ts";

export const sqlite: PortableEngine = {
  name: "sqlite",
  djangoBackend: "sqlite3",
  values,
  dialect,
  paths,
  large,
  constraints,
  sequences,
  introspect: introspectSqlite,
  analyze: async () => {},
  hasOwners: false,
  missingAccounts: async () => [],
  normalizeLiterals: undefined,
};
