/** The verbs and flags of `portable`. */
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import type { ImportMode } from "../../portable/import/resolve/options.ts";
import { commandLine, lastValue } from "../core/arguments.ts";
import type { FlagRules } from "../core/flag-rules.ts";
import { PACKAGE_FLAGS } from "./package.ts";
import { EXPORT_FLAGS, EXPORT_OPTIONS } from "./export.ts";
import { RECONCILE_FLAGS } from "./reconcile.ts";

const VERBS = ["export", "import", "check", "plan", "verify", "package", "reconcile"] as const;
export type Verb = (typeof VERBS)[number];
const MODES: readonly ImportMode[] = ["create-only", "update-only", "create-or-update"];
/** The flags of each verb beside those of every command; any other flag is an error. */
const FLAGS: Readonly<Record<Verb, readonly string[]>> = {
  plan: ["models", "component", "exclude", "set"],
  export: [
    "set",
    "models",
    "component",
    "exclude",
    "output",
    "timestamp",
    "dry-run",
    "list-models",
    "source-url",
    "source-name",
    ...EXPORT_FLAGS,
  ],
  import: [
    "set",
    "models",
    "exclude",
    "mode",
    "dry-run",
    "validate",
    "values",
    "skip-conflicts",
    "force",
    "verify-checksum",
    "clear-existing",
    "into-other",
    "yes",
    "ignore-config-diff",
    "config-diff-report",
  ],
  check: ["models", "exclude", "values", "verify-checksum", "ignore-config-diff", "config-diff-report"],
  verify: ["set", "models", "exclude", "verify-checksum"],
  package: PACKAGE_FLAGS,
  reconcile: RECONCILE_FLAGS,
};

const RULES: FlagRules = {
  verbs: FLAGS,
  conflicts: [
    ["validate", "dry-run"],
    ["validate", "clear-existing"],
    ["validate", "skip-conflicts"],
    ["clear-existing", "mode=update-only"],
    ["set", "models"],
    ["set", "component"],
    ["include-users", "skip-users"],
  ],
  requires: { "include-passwords": ["include-users"] },
};

const USAGE = `$0 plan | export | import PATH | check PATH | verify PATH | package | reconcile --database URL

Exports a database as JSON with natural keys, and imports it into another: SQLite, PostgreSQL, MySQL or MariaDB.`;

export type PortableFlags = ReturnType<typeof parsePortable>;

/** Throws `E_USAGE` for an unknown verb or flag, and for a flag that does not apply to the verb. */
export function parsePortable(argv: readonly string[]) {
  const text = { type: "string", requiresArg: true } as const;
  const flags = commandLine("portable", USAGE, RULES)
    .strict(false)
    .strictOptions()
    .option("database", { ...text, describe: "the database's URL (default: DATABASE_URL, else the config's)" })
    .option("output", { ...text, alias: "o", describe: "export: the directory to write into, or a .zip file" })
    .options(EXPORT_OPTIONS)
    .option("table", { ...text, describe: "reconcile: the table whose duplicate rows are merged" })
    .option("by", { ...text, describe: "reconcile: the columns to compare (default: the key, else name)" })
    .option("timestamp", {
      type: "boolean",
      default: true,
      describe: "export: write into a directory named by the time",
    })
    .option("models", { ...text, describe: "only these tables: names, app.Model, or an app" })
    .option("component", { ...text, describe: "plan, export: only these groups of tables, as plan shows them" })
    .option("set", { ...text, describe: "only the tables of this set of the config" })
    .option("exclude", { ...text, describe: "leave these tables out" })
    .option("list-models", { type: "boolean", default: false, describe: "export: list the tables and exit" })
    .option("source-url", { ...text, describe: "export: the application's URL, for the manifest" })
    .option("source-name", { ...text, describe: "export: the application's name, for the manifest" })
    .option("mode", {
      ...text,
      choices: MODES,
      default: "create-or-update",
      describe: "import: how to treat existing rows",
    })
    .option("dry-run", { type: "boolean", default: false, describe: "do everything, then roll back" })
    .option("validate", {
      type: "boolean",
      default: false,
      describe: "import: check the export and its compatibility, then exit",
    })
    .option("values", {
      type: "boolean",
      describe: "check, import --validate (its default): import all, then roll back",
    })
    .option("skip-conflicts", {
      type: "boolean",
      default: false,
      describe: "import: skip rows that break a unique constraint",
    })
    .option("force", { type: "boolean", default: false, describe: "import despite warnings" })
    .option("verify-checksum", { type: "boolean", default: true, describe: "verify the export's checksums first" })
    .option("clear-existing", {
      type: "boolean",
      default: false,
      describe: "import: empty the tables first; needs --yes",
    })
    .option("into-other", {
      type: "boolean",
      default: false,
      describe: "import: match rows by generated id even if the database may be another site's",
    })
    .option("ignore-config-diff", {
      type: "boolean",
      default: false,
      describe: "check, import: ignore differences in settings",
    })
    .option("config-diff-report", {
      ...text,
      describe: "check, import: write the differences in settings to this file",
    })
    .option("from-dump", { type: "boolean", default: false, describe: "package: a dump instead of portable data" })
    .option("include-users", { type: "boolean", default: false, describe: "package: include users, without passwords" })
    .option("skip-users", { type: "boolean", default: false, describe: "package: leave users out (the default)" })
    .option("include-passwords", {
      type: "boolean",
      default: false,
      describe: "package: include the users' password hashes",
    })
    .option("storage", { ...text, describe: "package: another directory (repeatable)" })
    .option("yes", {
      type: "boolean",
      default: false,
      describe: "import --clear-existing, reconcile: skip the confirmation",
    })
    .parseSync([...argv]);
  const [verb, directory, ...more] = flags._.map(String);
  const known = VERBS.find((one) => one === verb);
  if (known === undefined)
    throw new HoldfastError(
      "E_USAGE",
      verb === undefined ? "portable: missing command" : `portable: unknown command ${verb}`,
      {
        hint: `use one of ${VERBS.join(", ")}`,
      },
    );
  if (more.length > 0) throw new HoldfastError("E_USAGE", `unexpected argument: ${more[0] ?? ""}`);
  const needs = readsExport(known);
  if (needs !== (directory !== undefined))
    throw new HoldfastError(
      "E_USAGE",
      needs ? `${known}: missing argument EXPORT` : `unexpected argument: ${directory ?? ""}`,
    );
  if (known === "import" && flags.values !== undefined && !flags.validate)
    throw new HoldfastError(
      "E_USAGE",
      "--values has no effect without --validate: an import checks every value anyway",
      {
        hint: "add --validate, or remove --values",
      },
    );
  const mode = MODES.find((one) => one === lastValue(flags.mode));
  if (mode === undefined) throw new HoldfastError("E_USAGE", `--mode must be one of ${MODES.join(", ")}`);
  return { ...flags, verb: known, directory: path.resolve(directory ?? "."), mode };
}

/** Returns whether a verb takes an export. */
export const readsExport = (verb: Verb): boolean => verb === "import" || verb === "check" || verb === "verify";
