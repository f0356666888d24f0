/** `portable package`: one file with which a site moves to another host. */
import type { SiteConfig } from "../config/load.ts";
import type { DatabaseTarget } from "../database/engine.ts";
import { EXIT, HoldfastError } from "../errors.ts";
import { makePackage, type MadePackage } from "../ops/package/make.ts";
import type { PlanRequest } from "../portable/plan.ts";
import { colors as pc } from "../report/colors.ts";
import { formatBytes, plural } from "../report/format.ts";
import { progressOf } from "./portable-report.ts";

export interface PackageFlags {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly output: string | undefined;
  readonly fromDump: boolean;
  readonly includeUsers: boolean;
  readonly skipUsers: boolean;
  readonly includePasswords: boolean;
  readonly storage: readonly string[];
  readonly sourceName: string | null;
  readonly sourceUrl: string | null;
}

export interface PackageSite {
  readonly config: SiteConfig | undefined;
  readonly target: DatabaseTarget;
  readonly plan: PlanRequest;
}

/** Throws `E_USAGE` for flags that contradict each other, and what `makePackage` throws. */
export async function packageCommand(flags: PackageFlags, site: PackageSite, signal: AbortSignal): Promise<number> {
  if (flags.output === undefined)
    throw new HoldfastError("E_USAGE", "package where to?", { hint: "name a file with -o, e.g. -o site.tgz" });
  if (flags.includeUsers && flags.skipUsers)
    throw new HoldfastError("E_USAGE", "--include-users and --skip-users contradict each other");
  if (flags.includePasswords && !flags.includeUsers)
    throw new HoldfastError("E_USAGE", "--include-passwords has no meaning without --include-users");
  const { config, target, plan } = site;
  const progress = progressOf(flags);
  const made = await makePackage(
    {
      output: flags.output,
      config,
      fromDump: flags.fromDump,
      storage: flags.storage,
      data: {
        target,
        plan,
        users: flags.includeUsers ? (flags.includePasswords ? "with passwords" : "without passwords") : "left out",
        userTables: config?.portable?.users ?? [],
        sourceName: flags.sourceName,
        sourceUrl: flags.sourceUrl,
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
  for (const text of warnings) process.stderr.write(`${pc.yellow("!")} ${text}\n`);
  const rows = checks.tables.reduce((sum, one) => sum + one.rows, 0);
  const files = checks.trees.reduce((sum, one) => sum + one.files, 0);
  const lines = [
    `${pc.green("✓")} ${plural(checks.tables.length, "table")} with ${plural(rows, "row")}, ${plural(checks.trees.length, "tree")} with ${plural(files, "file")}; users ${users}`,
    ...left_out.map(({ what, why }) => pc.dim(`not in it: ${what} (${why})`)),
    `${path}, ${formatBytes(size_bytes)}`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
