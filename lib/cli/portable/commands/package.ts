/** `portable package`: writes one file that moves a site to another host. */
import type { SiteConfig } from "../../../config/load.ts";
import type { DatabaseTarget } from "../../../database/snapshot.ts";
import { EXIT, HoldfastError } from "../../../errors.ts";
import { makePackage, type MadePackage } from "../../../ops/package/create.ts";
import type { PlanRequest } from "../../../portable/plan/run.ts";
import { colors as pc } from "../../../report/colors.ts";
import { formatBytes, plural } from "../../../report/format.ts";
import { printable, printableLines } from "../../../report/printable.ts";
import { lastValue } from "../../core/arguments.ts";
import { instanceOf } from "../../../steps/portable/instance.ts";
import { progressOf } from "../progress.ts";
import { defineCommand, type ParsedOptions } from "../../core/command.ts";
import { SWITCH, TEXT, type OptionTable } from "../../core/options.ts";
import { printJson } from "../../core/print-json.ts";
import { configOf, targetOf } from "../database.ts";
import { COMPONENT, DATABASE, ORIGIN, TABLES } from "../options.ts";
import { selectionOf } from "../plan-request.ts";

const OPTIONS = {
  ...DATABASE,
  output: { ...TEXT, alias: "o", describe: "the file to write, e.g. site.tgz" },
  ...TABLES,
  component: COMPONENT,
  ...ORIGIN,
  "from-dump": { ...SWITCH, describe: "a dump instead of portable data" },
  "include-users": { ...SWITCH, describe: "include users, without passwords" },
  "skip-users": { ...SWITCH, describe: "leave users out (the default)" },
  "include-passwords": { ...SWITCH, describe: "include the users' password hashes" },
  storage: { ...TEXT, describe: "another directory (repeatable)" },
} as const satisfies OptionTable;

export const packageSite = defineCommand({
  forms: ["-o FILE [--database URL]"],
  description: "Writes one file with the data and the files of a site; restore --package restores it on another host.",
  positionals: {},
  options: OPTIONS,
  rules: {
    conflicts: [["include-users", "skip-users"]],
    requires: { "include-passwords": ["include-users"] },
  },
  async run(flags, { signal }) {
    const target = await targetOf(flags, signal);
    return await writePackage(flags, { config: configOf(flags), target, plan: selectionOf(flags) }, signal);
  },
});

type PackageFlags = ParsedOptions<typeof OPTIONS>;

interface PackageSite {
  readonly config: SiteConfig | undefined;
  readonly target: DatabaseTarget;
  readonly plan: PlanRequest;
}

async function writePackage(flags: PackageFlags, site: PackageSite, signal: AbortSignal): Promise<number> {
  const output = lastValue(flags.output);
  const [withUsers, withPasswords] = [flags["include-users"], flags["include-passwords"]];
  const chooses = [flags.models, flags.component, flags.exclude].some((one) => one !== undefined);
  if (output === undefined)
    throw new HoldfastError("E_USAGE", "package: missing option --output", { hint: "add -o FILE, e.g. -o site.tgz" });
  if (flags["from-dump"] && chooses)
    throw new HoldfastError(
      "E_USAGE",
      "--from-dump always holds every table; --models, --component and --exclude cannot select any",
      {
        hint: "remove --from-dump, or the flags that select tables",
      },
    );
  const { config, target, plan } = site;
  const progress = progressOf(flags);
  const made = await makePackage(
    {
      output,
      config,
      fromDump: flags["from-dump"],
      storage: [flags.storage ?? []].flat(),
      data: {
        target,
        plan,
        generic: config?.portable?.generic ?? [],
        users: withUsers ? (withPasswords ? "with passwords" : "without passwords") : "left out",
        userTables: config?.portable?.users === undefined ? [] : [config.portable.users.table],
        sourceName: lastValue(flags["source-name"]) ?? null,
        sourceUrl: lastValue(flags["source-url"]) ?? null,
        instance: await instanceOf(config),
        onRows: (table, rows) => progress.rows(table, "exporting", rows),
      },
    },
    signal,
  );
  progress.end();
  show(made, flags);
  return EXIT.ok;
}

function show({ path, size_bytes, sha256, manifest, checks }: MadePackage, { json, quiet }: PackageFlags): void {
  const { users, left_out, warnings } = manifest;
  if (json) {
    const summary = { path, size_bytes, sha256, users, ...checks, left_out, warnings };
    return printJson({ message_type: "summary", ...summary });
  }
  if (quiet) return;
  for (const text of warnings) process.stderr.write(`${pc.yellow("!")} ${printable(text)}\n`);
  const rows = checks.tables.reduce((sum, one) => sum + one.rows, 0);
  const files = checks.trees.reduce((sum, one) => sum + one.files, 0);
  const lines = [
    `${pc.green("✓")} ${plural(checks.tables.length, "table")} with ${plural(rows, "row")}, ` +
      `${plural(checks.trees.length, "tree")} with ${plural(files, "file")}; users ${users}`,
    ...left_out.map(({ what, why }) => pc.dim(`not in it: ${what} (${why})`)),
    `${path}, ${formatBytes(size_bytes)}`,
  ];
  process.stdout.write(`${printableLines(lines)}\n`);
}
