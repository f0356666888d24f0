/** MySQL and MariaDB for the portable engine. */
import type { PortableEngine } from "../../engine/interface.ts";
import { missingAccounts } from "./accounts.ts";
import { constraints } from "./constraints.ts";
import { dialect } from "./dialect.ts";
import { introspectMysql } from "./introspect.ts";
import { large } from "./large-values.ts";
import { sequences } from "./sequences.ts";
import { pathsWith } from "./tree-paths.ts";
import { values } from "./values.ts";

const common = {
  djangoBackend: "mysql",
  values,
  dialect,
  large,
  constraints,
  sequences,
  analyze: async () => {},
  hasOwners: true,
  missingAccounts,
  normalizeLiterals: undefined,
} as const;

export const mysql: PortableEngine = {
  ...common,
  name: "mysql",
  paths: pathsWith("cte_max_recursion_depth"),
  introspect: async (session) => await introspectMysql(session, "mysql"),
};
export const mariadb: PortableEngine = {
  ...common,
  name: "mariadb",
  paths: pathsWith("max_recursive_iterations"),
  introspect: async (session) => await introspectMysql(session, "mariadb"),
};
