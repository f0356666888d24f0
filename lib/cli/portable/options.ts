/** Options that several verbs of `portable` share. */
import { SWITCH, TEXT, type OptionTable } from "../core/options.ts";

export const DATABASE = {
  database: { ...TEXT, describe: "the database's URL (default: DATABASE_URL, else the config's)" },
} as const satisfies OptionTable;

/** The options that select tables. */
export const TABLES = {
  models: { ...TEXT, describe: "only these tables: names, app.Model, or an app" },
  exclude: { ...TEXT, describe: "leave these tables out" },
} as const satisfies OptionTable;

export const SET = { ...TEXT, describe: "only the tables of this set of the config" } as const;
export const COMPONENT = { ...TEXT, describe: "only these groups of tables, as plan shows them" } as const;

/** The export that a verb reads. */
export const SOURCE = {
  export: { type: "string", demandOption: true, describe: "a directory, a .zip file, or a dump of another program" },
} as const satisfies OptionTable;
export const VERIFY_CHECKSUM = {
  type: "boolean",
  default: true,
  describe: "verify the export's checksums first; --no-verify-checksum skips that",
} as const;

/** The options of verbs that compare the recorded settings. */
export const SETTINGS = {
  "ignore-config-diff": { ...SWITCH, describe: "ignore differences in settings" },
  "config-diff-report": { ...TEXT, describe: "write the differences in settings to this file" },
} as const satisfies OptionTable;

/** The options of verbs that write the application's name and address down. */
export const ORIGIN = {
  "source-url": { ...TEXT, describe: "the application's URL, for the manifest" },
  "source-name": { ...TEXT, describe: "the application's name, for the manifest" },
} as const satisfies OptionTable;
