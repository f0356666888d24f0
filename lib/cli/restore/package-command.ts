/** `restore --package FILE`: restores a migration package onto this host. */
import path from "node:path";
import { RESTORE_DEFAULTS } from "../../api/restore.ts";
import type { SiteConfig } from "../../config/load.ts";
import { databasePassword } from "../../config/secrets.ts";
import type { DatabaseTarget } from "../../database/snapshot.ts";
import { splitPassword, withPasswordApart } from "../../database/access/url.ts";
import { EXIT, HoldfastError } from "../../errors.ts";
import type { InPlaceRequest, PackageOutcome, PackagePreview } from "../../ops/package/request.ts";
import { restorePackage as restoreFile } from "../../ops/package/restore.ts";
import { colors as pc } from "../../report/colors.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { printableLines } from "../../report/printable.ts";
import { databases } from "../../steps/db/databases.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand, type ParsedOptions } from "../core/command.ts";
import { SWITCH, TEXT, type OptionTable } from "../core/options.ts";
import { ownerRule } from "../../ops/restore/plan/owner-rule.ts";
import { instanceOf } from "../../steps/portable/instance.ts";
import { progressOf } from "../portable/progress.ts";
import { withGivenFlags } from "../core/given-flags.ts";
import { requireSiteConfig } from "../core/site-config.ts";
import { printJson } from "../core/print-json.ts";
import { confirmInPlace, directoryOf, reasonOf, RESTORE_OPTIONS } from "./options.ts";

const OPTIONS = {
  package: { ...TEXT, demandOption: true, describe: "file made by portable package" },
  to: { ...TEXT, describe: "restore into this directory, with the paths relative to the site's root" },
  "in-place": { ...SWITCH, describe: "restore to the paths of the config" },
  map: { ...TEXT, describe: "NAME=DIR: destination of a tree of the package; may be repeated" },
  database: { ...TEXT, describe: "URL of the database to import the data into" },
  force: { ...SWITCH, describe: "restore despite warnings about the schema" },
  "into-other": {
    ...SWITCH,
    describe: "match rows by their generated ids even if the database may be another site's",
  },
  "dry-run": { ...SWITCH, describe: "check and import everything, then roll back" },
  ...RESTORE_OPTIONS,
} as const satisfies OptionTable;

export const restorePackage = defineCommand({
  forms: ["--package FILE --to DIR | --in-place"],
  description: "Restores a migration package onto this host.",
  positionals: {},
  options: OPTIONS,
  rules: {
    conflicts: ["in-place", "config", "dest", "no-safety", "break-lock"].map((flag) => ["to", flag]),
    requires: { reason: ["no-safety"], "into-other": ["database", "in-place"] },
  },
  async run(flags, { signal, report }) {
    const directory = directoryOf(flags, "use --in-place to restore to the paths of the config");
    const withoutSafety = reasonOf(flags);
    const config = directory === undefined ? requireSiteConfig(lastValue(flags.config)) : undefined;
    const dest = lastValue(flags.dest) ?? config?.dest;
    const { defaults = {}, map = {}, users, foreign_keys: foreignKeys = {} } = config?.portable ?? {};
    const progress = progressOf(flags);
    const outcome = await restoreFile(
      {
        file: path.resolve(lastValue(flags.package) ?? ""),
        rules: { directory, config, map: mapOf(flags.map) },
        database: await targetOf(lastValue(flags.database), config, signal),
        owners: ownerRule(lastValue(flags.owner) ?? RESTORE_DEFAULTS.owner),
        dryRun: flags["dry-run"],
        force: flags.force,
        instance: await instanceOf(config && { ...config, ...(dest !== undefined && { dest }) }),
        intoOther: flags["into-other"],
        refine: { defaults, map, foreignKeys, ...(users && { users }) },
        inPlace: config === undefined ? undefined : inPlaceOf(config, withoutSafety, flags),
      },
      {
        signal,
        report,
        confirm: async (preview) => {
          if (!flags.json && !flags.quiet) process.stderr.write(`${printableLines(describe(preview))}\n`);
          if (flags["in-place"] && !flags.yes && !flags["dry-run"]) await confirmInPlace(signal);
        },
        onPhase: (phase) => {
          if (flags.json) printJson({ message_type: "status", phase });
          else if (!flags.quiet) process.stderr.write(`${pc.dim(`${phase} …`)}\n`);
        },
        onRows: (table, phase, rows) => progress.rows(table, phase, rows),
      },
    );
    progress.end();
    show(outcome, flags);
    return EXIT.ok;
  },
});

type Flags = ParsedOptions<typeof OPTIONS>;

function mapOf(given: string | string[] | undefined): Record<string, string> {
  return Object.fromEntries(
    [given ?? []].flat().map((text) => {
      const at = text.indexOf("=");
      if (at <= 0 || at === text.length - 1)
        throw new HoldfastError("E_USAGE", `--map ${text} has no directory`, { hint: "use --map NAME=DIRECTORY" });
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

/** Returns the target database: `--database`, else in place the config's first one, and none with `--to`. */
async function targetOf(
  given: string | undefined,
  config: SiteConfig | undefined,
  signal: AbortSignal,
): Promise<DatabaseTarget | undefined> {
  if (given !== undefined) return { ...splitPassword(given), execPrefix: [], root: process.cwd() };
  const [first] = config === undefined ? [] : databases(config);
  if (config === undefined || first === undefined) return undefined;
  if (config.exec_prefix.length > 0)
    throw new HoldfastError("E_CONFIG", "a package needs a direct connection to the database, not exec_prefix", {
      hint: "use --database with a URL that this host can reach",
    });
  const password = await databasePassword(config, first.settings, signal);
  return withPasswordApart({
    url: first.settings.url,
    ...(password === undefined ? {} : { password }),
    execPrefix: [],
    root: config.root,
  });
}

/** Returns the settings of an in-place restore: the store holds its lock, safety run and journal. */
function inPlaceOf(config: SiteConfig, withoutSafety: string | undefined, flags: Flags): InPlaceRequest {
  const dest = lastValue(flags.dest) ?? config.dest;
  if (dest === undefined)
    throw new HoldfastError("E_USAGE", "no store is given: neither --dest nor dest in the config", {
      hint: "give --dest DIR; the store holds the lock and the safety run, and is created if it does not exist",
    });
  return {
    config,
    store: path.resolve(dest),
    unit: lastValue(flags.database) === undefined ? databases(config)[0]?.unit : undefined,
    withoutSafety,
    breakLock: flags["break-lock"],
  };
}

const describe = ({ created_at, source, users, trees, database, rows }: PackagePreview): string[] => [
  `package of ${source.site ?? source.url ?? "a site"}, made on ${source.host} at ${created_at}; users ${users}`,
  ...trees.map(({ name, to, files, bytes, replaces }) => {
    const note = replaces ? pc.yellow("; replaces the existing tree if it differs") : "";
    return `  ${name} → ${to}: ${plural(files, "file")}, ${formatBytes(bytes)}${note}`;
  }),
  `  ${plural(rows, "row")} → ${database === null ? "no database" : `the database ${database}`}`,
];

function show(outcome: PackageOutcome, flags: Flags): void {
  if (flags.json) return printJson({ message_type: "summary", dry_run: flags["dry-run"], ...outcome });
  if (flags.quiet) return;
  const { trees, data, beside, settings, restore, safety_run, kept } = outcome;
  const total = (of: "created" | "updated" | "unchanged"): number =>
    (data?.tables ?? []).reduce((sum, one) => sum + one[of], 0);
  const counts = (["created", "updated", "unchanged"] as const).map((of) => `${total(of)} ${of}`).join(", ");
  const done = `npx tsx scripts/restore.ts --confirm ${restore} removes it, --rollback ${restore} puts it back`;
  const lines = [
    ...(data?.warnings ?? []).map((warning) => `${pc.yellow("!")} ${warning}`),
    ...trees.map(
      ({ name, to, state, kept: aside }) =>
        `${pc.green("✓")} ${name}: ${state}, ${to}${aside === null ? "" : `; the previous tree is in ${aside}`}`,
    ),
    ...(data === null ? [] : [`${pc.green("✓")} rows: ${counts}`]),
    ...(data?.created_disabled ?? []).map(({ table, key }) => `created disabled ${table} ${key}`),
    ...(data?.mapped ?? []).map(
      ({ table, from, to, rows, links }) =>
        `${table} ${from} is ${to} here: skipped ${plural(rows, "row")}, redirected ${plural(links, "reference")}`,
    ),
    ...(data === null || data.aside === null ? [] : [`the previous database is kept as ${data.aside}`]),
    ...beside.map((place) => `to check: ${place}`),
    ...settings.map((text) => `to check: ${text}`),
    ...(safety_run === null ? [] : [`the previous database is in the safety run ${safety_run}`]),
    ...(restore === null || !kept ? [] : [withGivenFlags(`what was replaced is kept: ${done}`)]),
    flags["dry-run"] ? "dry run: nothing was changed" : `${pc.green("✓")} every check of the package passed`,
  ];
  process.stdout.write(`${printableLines(lines)}\n`);
}
