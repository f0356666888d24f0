/** `portable package`: writes one file that moves a site to another host. */
import type { SiteConfig } from "../../config/load.ts";
import type { DatabaseTarget } from "../../database/snapshot.ts";
import { EXIT, HoldfastError } from "../../errors.ts";
import { makePackage, type MadePackage } from "../../ops/package/create.ts";
import type { PlanRequest } from "../../portable/plan/run.ts";
import { colors as pc } from "../../report/colors.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { printable, printableLines } from "../../report/printable.ts";
import { lastValue } from "../core/arguments.ts";
import { instanceOf } from "../../steps/portable/instance.ts";
import { progressOf } from "./progress.ts";

/** The flags of the verb beside those of every command. */
export const PACKAGE_FLAGS: readonly string[] = [
  "models",
  "component",
  "exclude",
  "output",
  "source-url",
  "source-name",
  "from-dump",
  "include-users",
  "skip-users",
  "include-passwords",
  "storage",
];

type Given = string | string[] | undefined;

interface PackageFlags {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly output?: Given;
  readonly "from-dump": boolean;
  readonly "include-users": boolean;
  readonly "skip-users": boolean;
  readonly "include-passwords": boolean;
  readonly storage?: Given;
  readonly models?: Given;
  readonly component?: Given;
  readonly exclude?: Given;
  readonly "source-name"?: Given;
  readonly "source-url"?: Given;
}

export interface PackageSite {
  readonly config: SiteConfig | undefined;
  readonly target: DatabaseTarget;
  readonly plan: PlanRequest;
}

/** Throws `E_USAGE` for contradicting flags, and what `makePackage` throws. */
export async function packageCommand(flags: PackageFlags, site: PackageSite, signal: AbortSignal): Promise<number> {
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
    return void process.stdout.write(`${JSON.stringify({ message_type: "summary", ...summary })}\n`);
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
