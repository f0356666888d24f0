/** The verbs of `portable`, a row each. */
import type { CommandTable } from "../../core/table.ts";

export const PORTABLE_COMMANDS: CommandTable = {
  plan: {
    describe: "show the tables, their keys, and what is left out",
    load: async () => (await import("./plan.ts")).plan,
  },
  export: {
    describe: "write an export of the database",
    load: async () => (await import("./export.ts")).exportDatabase,
  },
  check: {
    describe: "check whether an export can be imported",
    load: async () => (await import("./check.ts")).check,
  },
  import: {
    describe: "import an export, in one transaction",
    load: async () => (await import("./import.ts")).importExport,
  },
  verify: {
    describe: "compare an export with the database",
    load: async () => (await import("./verify.ts")).verify,
  },
  reconcile: {
    describe: "merge duplicate rows of a table",
    load: async () => (await import("./reconcile.ts")).reconcile,
  },
  package: {
    describe: "write one file that moves the site to another host",
    load: async () => (await import("./package.ts")).packageSite,
  },
};
