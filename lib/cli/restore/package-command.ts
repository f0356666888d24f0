/** `restore --package FILE`: a migration package onto this host. */
import path from "node:path";
import { findConfig, loadConfig, type SiteConfig } from "../../config/load.ts";
import { databasePassword } from "../../config/secrets.ts";
import type { DatabaseTarget } from "../../database/snapshot.ts";
import { splitPassword, withPasswordApart } from "../../database/access/url.ts";
import { EXIT, HoldfastError } from "../../errors.ts";
import { PACKAGE_ROOT } from "../../exec/build-output.ts";
import type { InPlaceRequest, PackageOutcome, PackagePreview } from "../../ops/package/request.ts";
import { restorePackage } from "../../ops/package/restore.ts";
import { colors as pc } from "../../report/colors.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { printableLines } from "../../report/printable.ts";
import { databases } from "../../steps/db/databases.ts";
import { ask } from "../core/confirm.ts";
import { commandLine, lastValue } from "../core/arguments.ts";
import type { FlagRules } from "../core/flag-rules.ts";
import { ownerRule } from "../core/owner-flag.ts";
import { instanceOf } from "../portable/instance.ts";
import { progressOf } from "../portable/progress.ts";
import { parsedCommand } from "../core/store-command.ts";
import { withGivenFlags } from "../core/given-flags.ts";

export const namesPackage = (argv: readonly string[]): boolean => argv.some((one) => /^--package(?:=|$)/.test(one));

export async function restorePackageCommand(): Promise<void> {
  await parsedCommand(parse, async (flags, { signal, report }) => {
    const to = lastValue(flags.to);
    if (to === undefined && !flags["in-place"])
      throw new HoldfastError("E_USAGE", "neither --to DIR nor --in-place was given", {
        hint: "--in-place is where the config says that the site lives",
      });
    const reason = lastValue(flags.reason);
    if (!flags.safety && (reason ?? "").trim() === "")
      throw new HoldfastError("E_USAGE", "--no-safety wants --reason", {
        hint: "say why there shall be no way back; it is kept in the record of the restore",
      });
    const config =
      to === undefined
        ? loadConfig(findConfig(lastValue(flags.config), process.env, PACKAGE_ROOT), process.env)
        : undefined;
    const dest = lastValue(flags.dest) ?? config?.dest;
    const { defaults = {}, map = {}, users, foreign_keys: foreignKeys = {} } = config?.portable ?? {};
    const progress = progressOf(flags);
    const outcome = await restorePackage(
      {
        file: path.resolve(lastValue(flags.package) ?? ""),
        rules: { directory: to === undefined ? undefined : path.resolve(to), config, map: mapOf(flags.map) },
        database: await targetOf(lastValue(flags.database), config, signal),
        owners: ownerRule(lastValue(flags.owner) ?? "name"),
        dryRun: flags["dry-run"],
        force: flags.force,
        instance: await instanceOf(config && { ...config, ...(dest !== undefined && { dest }) }),
        intoOther: flags["into-other"],
        refine: { defaults, map, foreignKeys, ...(users && { users }) },
        inPlace: config === undefined ? undefined : inPlaceOf(config, flags),
      },
      {
        signal,
        report,
        confirm: async (preview) => await confirm(preview, flags, signal),
        onPhase: (phase) => {
          if (flags.json) process.stdout.write(`${JSON.stringify({ message_type: "status", phase })}\n`);
          else if (!flags.quiet) process.stderr.write(`${pc.dim(`${phase} …`)}\n`);
        },
        onRows: (table, phase, rows) => progress.rows(table, phase, rows),
      },
    );
    progress.end();
    show(outcome, flags);
    return EXIT.ok;
  });
}

type Flags = ReturnType<typeof parse>;

const RULES: FlagRules = {
  conflicts: ["in-place", "config", "dest", "no-safety", "break-lock"].map((flag) => ["to", flag]),
  requires: { reason: ["no-safety"], "into-other": ["database", "in-place"] },
};

function parse(argv: readonly string[]) {
  const text = { type: "string", requiresArg: true } as const;
  return commandLine("restore", "$0 --package FILE --to DIR | --in-place\n\nA migration package onto this host.", RULES)
    .option("package", { ...text, demandOption: true, describe: "the file that portable.ts package made" })
    .option("to", { ...text, describe: "below this directory, as it was below the site's root" })
    .option("in-place", { type: "boolean", default: false, describe: "where the config says that the site lives" })
    .option("map", { ...text, describe: "NAME=DIR: where a tree of the package goes; may be given several times" })
    .option("database", { ...text, describe: "import the data into this database, by its URL" })
    .option("owner", { ...text, default: "name", describe: "whose the files become: name, number, or USER[:GROUP]" })
    .option("force", { type: "boolean", default: false, describe: "restore in spite of warnings about the schema" })
    .option("into-other", {
      type: "boolean",
      default: false,
      describe: "rows known by their number alone are the same ones, though the database may be another site's",
    })
    .option("safety", {
      type: "boolean",
      default: true,
      describe: "--no-safety goes on where nothing can be saved first; wants --reason",
    })
    .option("reason", { ...text, describe: "why --no-safety" })
    .option("break-lock", { type: "boolean", default: false, describe: "take over a lock held from another host" })
    .option("yes", { type: "boolean", default: false, describe: "do not ask" })
    .option("dry-run", { type: "boolean", default: false, describe: "check and import everything, and take it back" })
    .parseSync([...argv]);
}

function mapOf(given: string | string[] | undefined): Record<string, string> {
  return Object.fromEntries(
    [given ?? []].flat().map((text) => {
      const at = text.indexOf("=");
      if (at <= 0 || at === text.length - 1)
        throw new HoldfastError("E_USAGE", `--map ${text} says no place`, { hint: "write --map NAME=DIRECTORY" });
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

/** `--database`; in place else the config's first one; with `--to` none. */
async function targetOf(
  given: string | undefined,
  config: SiteConfig | undefined,
  signal: AbortSignal,
): Promise<DatabaseTarget | undefined> {
  if (given !== undefined) return { ...splitPassword(given), execPrefix: [], root: process.cwd() };
  const [first] = config === undefined ? [] : databases(config);
  if (config === undefined || first === undefined) return undefined;
  if (config.exec_prefix.length > 0)
    throw new HoldfastError("E_CONFIG", "a package goes through the database's own protocol, not through exec_prefix", {
      hint: "give a URL that reaches it from here, with --database",
    });
  const password = await databasePassword(config, first.settings, signal);
  return withPasswordApart({
    url: first.settings.url,
    ...(password === undefined ? {} : { password }),
    execPrefix: [],
    root: config.root,
  });
}

/** The store is where the lock, the safety run and the record of the restore are. */
function inPlaceOf(config: SiteConfig, flags: Flags): InPlaceRequest {
  const dest = lastValue(flags.dest) ?? config.dest;
  if (dest === undefined)
    throw new HoldfastError("E_USAGE", "there is no store: neither --dest nor dest in the config", {
      hint: "it holds the lock and the safety run of a restore in place; it is made where there is none",
    });
  return {
    config,
    store: path.resolve(dest),
    unit: lastValue(flags.database) === undefined ? databases(config)[0]?.unit : undefined,
    withoutSafety: flags.safety ? undefined : lastValue(flags.reason),
    breakLock: flags["break-lock"],
  };
}

async function confirm(preview: PackagePreview, flags: Flags, signal: AbortSignal): Promise<void> {
  if (!flags.json && !flags.quiet) process.stderr.write(`${printableLines(describe(preview))}\n`);
  if (flags.yes || flags["dry-run"] || !flags["in-place"]) return;
  if (!process.stdin.isTTY)
    throw new HoldfastError("E_CONFIRM", "a restore in place has to be confirmed", {
      hint: "give --yes where nobody can type",
    });
  if ((await ask("Type RESTORE to replace what is there: ", signal)) !== "RESTORE")
    throw new HoldfastError("E_CONFIRM", "not confirmed; nothing was changed");
}

const describe = ({ created_at, source, users, trees, database, rows }: PackagePreview): string[] => [
  `package of ${source.site ?? source.url ?? "a site"}, made on ${source.host} at ${created_at}; users ${users}`,
  ...trees.map(
    ({ name, to, files, bytes, replaces }) =>
      `  ${name} → ${to}: ${plural(files, "file")}, ${formatBytes(bytes)}${replaces ? pc.yellow("; what is there goes aside if it differs") : ""}`,
  ),
  `  ${plural(rows, "row")} → ${database === null ? "no database" : `the database ${database}`}`,
];

function show(outcome: PackageOutcome, flags: Flags): void {
  if (flags.json)
    return void process.stdout.write(
      `${JSON.stringify({ message_type: "summary", dry_run: flags["dry-run"], ...outcome })}\n`,
    );
  if (flags.quiet) return;
  const { trees, data, beside, settings, restore, safety_run, kept } = outcome;
  const total = (of: "created" | "updated" | "unchanged"): number =>
    (data?.tables ?? []).reduce((sum, one) => sum + one[of], 0);
  const lines = [
    ...(data?.warnings ?? []).map((warning) => `${pc.yellow("!")} ${warning}`),
    ...trees.map(
      ({ name, to, state, kept: aside }) =>
        `${pc.green("✓")} ${name}: ${state}, ${to}${aside === null ? "" : `; what was there is in ${aside}`}`,
    ),
    ...(data === null
      ? []
      : [
          `${pc.green("✓")} rows: ${total("created")} created, ${total("updated")} updated, ${total("unchanged")} unchanged`,
        ]),
    ...(data?.created_disabled ?? []).map(
      ({ table, key }) => `${table} ${key} was nowhere, and has been made, disabled`,
    ),
    ...(data?.mapped ?? []).map(
      ({ table, from, to, rows, links }) =>
        `${table} ${from} is ${to} here: ${plural(rows, "row")} passed over, ${plural(links, "link")} led there`,
    ),
    ...(data === null || data.aside === null ? [] : [`the database that was there is kept as ${data.aside}`]),
    ...beside.map((place) => `to look at: ${place}`),
    ...settings.map((text) => `to look at: ${text}`),
    ...(safety_run === null ? [] : [`the database as it was is in the safety run ${safety_run}`]),
    ...(restore === null || !kept
      ? []
      : [
          withGivenFlags(
            `what was there is kept: npx tsx scripts/restore.ts --confirm ${restore} when all is well, --rollback ${restore} goes back`,
          ),
        ]),
    flags["dry-run"] ? "dry run: nothing was changed" : `${pc.green("✓")} every check of the package holds`,
  ];
  process.stdout.write(`${printableLines(lines)}\n`);
}
