/** What may be said to `portable`: its verbs, and the flags of each. */
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
/** What each verb takes beside the flags of every command; any other flag is a fault. */
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

Any database out as JSON with natural keys, and in again: SQLite, PostgreSQL, MySQL and MariaDB, each into each.`;

export type PortableFlags = ReturnType<typeof parsePortable>;

/** Throws `E_USAGE` for what is not known, and for a flag that has no meaning for its verb. */
export function parsePortable(argv: readonly string[]) {
  const text = { type: "string", requiresArg: true } as const;
  const flags = commandLine("portable", USAGE, RULES)
    .strict(false)
    .strictOptions()
    .option("database", { ...text, describe: "the database, by its URL; else DATABASE_URL, else the config's" })
    .option("output", { ...text, alias: "o", describe: "export: the directory to write into, or a file: … .zip" })
    .options(EXPORT_OPTIONS)
    .option("table", { ...text, describe: "reconcile: the table whose duplicate rows become one" })
    .option("by", { ...text, describe: "reconcile: the columns that are compared; else the key, or name" })
    .option("timestamp", { type: "boolean", default: true, describe: "export: into a directory named by the time" })
    .option("models", { ...text, describe: "only these tables: names, app.Model, or an app" })
    .option("component", { ...text, describe: "plan, export: only these groups of tables, as plan shows them" })
    .option("set", { ...text, describe: "only the tables of this set of the config" })
    .option("exclude", { ...text, describe: "not these tables" })
    .option("list-models", { type: "boolean", default: false, describe: "export: show the tables, and do nothing" })
    .option("source-url", { ...text, describe: "export: where the application is, for the manifest" })
    .option("source-name", { ...text, describe: "export: what it is called, for the manifest" })
    .option("mode", { ...text, choices: MODES, default: "create-or-update", describe: "import" })
    .option("dry-run", { type: "boolean", default: false, describe: "do everything, and take it back" })
    .option("validate", {
      type: "boolean",
      default: false,
      describe: "import: check the export and how it fits, and stop",
    })
    .option("values", {
      type: "boolean",
      describe: "check, and import --validate, which does so unless --no-values: try every value, and take it back",
    })
    .option("skip-conflicts", {
      type: "boolean",
      default: false,
      describe: "import: pass over rows that break a unique constraint",
    })
    .option("force", { type: "boolean", default: false, describe: "import in spite of warnings" })
    .option("verify-checksum", { type: "boolean", default: true, describe: "read the checksums of the export first" })
    .option("clear-existing", {
      type: "boolean",
      default: false,
      describe: "import: empty the tables first; needs --yes",
    })
    .option("into-other", {
      type: "boolean",
      default: false,
      describe: "import: rows known by their number alone are the same ones, though the database may be another site's",
    })
    .option("ignore-config-diff", {
      type: "boolean",
      default: false,
      describe: "check, import: settings that differ forbid nothing",
    })
    .option("config-diff-report", { ...text, describe: "check, import: the file to write what settings differ into" })
    .option("from-dump", { type: "boolean", default: false, describe: "package: a dump in place of portable data" })
    .option("include-users", { type: "boolean", default: false, describe: "package: users as well, without passwords" })
    .option("skip-users", { type: "boolean", default: false, describe: "package: no users, which is the default" })
    .option("include-passwords", { type: "boolean", default: false, describe: "package: the users' password hashes" })
    .option("storage", { ...text, describe: "package: a further directory; may be given several times" })
    .option("yes", { type: "boolean", default: false, describe: "I know what --clear-existing, or reconcile, does" })
    .parseSync([...argv]);
  const [verb, directory, ...more] = flags._.map(String);
  const known = VERBS.find((one) => one === verb);
  if (known === undefined)
    throw new HoldfastError("E_USAGE", verb === undefined ? "portable what?" : `${verb} is not known`, {
      hint: `one of ${VERBS.join(", ")}`,
    });
  if (more.length > 0) throw new HoldfastError("E_USAGE", `unexpected argument: ${more[0] ?? ""}`);
  const needs = readsExport(known);
  if (needs !== (directory !== undefined))
    throw new HoldfastError(
      "E_USAGE",
      needs ? `${known} what? name an export` : `unexpected argument: ${directory ?? ""}`,
    );
  if (known === "import" && flags.values !== undefined && !flags.validate)
    throw new HoldfastError("E_USAGE", "--values has no effect without --validate: an import looks at every value", {
      hint: "add --validate, or leave --values out",
    });
  const mode = MODES.find((one) => one === lastValue(flags.mode));
  if (mode === undefined) throw new HoldfastError("E_USAGE", `--mode is one of ${MODES.join(", ")}`);
  return { ...flags, verb: known, directory: path.resolve(directory ?? "."), mode };
}

/** Whether a verb is given an export. */
export const readsExport = (verb: Verb): boolean => verb === "import" || verb === "check" || verb === "verify";
