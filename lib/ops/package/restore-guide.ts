/** Writes the `RESTORE.md` of a package: how to restore it with one command, and manually with standard tools. */
import { databaseEngine } from "../../database/engines/registry.ts";
import type { Checks, PackageManifest } from "./format.ts";

export function packageGuide(about: Omit<PackageManifest, "files">, checks: Checks, file: string): string {
  const sections = [
    intro(about, file),
    byCommand(about),
    byHand(about, file),
    database(about, checks),
    storage(about, checks),
    settings(about, checks),
  ];
  return `${sections.join("\n\n")}\n`;
}

function intro({ source, created_at }: Omit<PackageManifest, "files">, file: string): string {
  const what = source.site ?? source.url ?? "a site";
  return `# Restoring ${what}

\`${file}\` was made on ${source.host} at ${created_at}${source.url === null ? "" : ` from ${source.url}`}.
It is an ordinary gzipped tar archive, and records no path of that host.`;
}

const byCommand = ({ trees }: Omit<PackageManifest, "files">): string => `## By one command

\`\`\`bash
npx tsx scripts/restore.ts --package FILE --in-place --config /etc/holdfast/site.yaml --dry-run   # what would happen
npx tsx scripts/restore.ts --package FILE --in-place --config /etc/holdfast/site.yaml
npx tsx scripts/restore.ts --package FILE --to /srv/site --database URL                           # without a config
\`\`\`

It checks every file first, imports the data in one transaction, and compares the result with \`checks.json\`.${
  trees.length === 0
    ? ""
    : ` \`--map NAME=DIRECTORY\` sets the destination of a tree: ${trees.map(({ name }) => `\`${name}\``).join(", ")}.`
}`;

const VERIFY =
  `jq -r '.files[] | select(.path | type == "string") | "\\(.sha256)  \\(.path)"' package.manifest.json` +
  " | sha256sum --quiet -c";

const byHand = (_about: Omit<PackageManifest, "files">, file: string): string => `## By hand

\`\`\`bash
mkdir package && tar xzf ${quote(file)} -C package && cd package
${VERIFY}
\`\`\``;

function database({ database: one }: Omit<PackageManifest, "files">, { tables }: Checks): string {
  if (one === null) return "## Database\n\nThe package holds none.";
  const counts = tables.map(({ table, rows }) => `| \`${table}\` | ${rows} |`).join("\n");
  const head = `| table | rows |\n| --- | ---: |\n${counts}`;
  if (one.dump !== null) {
    return `## Database

A dump of ${one.engine} ${one.server_version}; it can be restored into the same engine only.

\`\`\`bash
${databaseEngine(one.engine).packageCommands(one.dump).join("\n")}
\`\`\`

${head}`;
  }
  return `## Database

\`data/\` holds the rows as lines of JSON, one file or more for each table; \`data/schema.json\` names the columns.
Run the application's migrations first, to create the tables. Foreign keys are exported as the referenced row's key; the
import resolves them:

\`\`\`bash
npx tsx scripts/portable.ts import data --database URL
gzip -dc data/data/TABLE/00001.ndjson.gz | head                # what is in a table, with nothing but gzip
sqlite3 FILE 'select count(*) from TABLE'; psql -c 'select count(*) from TABLE'
\`\`\`

${head}`;
}

function storage({ trees }: Omit<PackageManifest, "files">, checks: Checks): string {
  if (trees.length === 0) return "## Storage\n\nThe package holds none.";
  const lines = trees.map(({ name, place }) => {
    const facts = checks.trees.find((one) => one.name === name);
    const origin = place === null ? "outside of the site" : `\`${place}\``;
    return `| \`storage/${name}\` | ${origin} | ${facts?.files ?? 0} | ${facts?.bytes ?? 0} |`;
  });
  return `## Storage

| in the package | was, in the site | files | bytes |
| --- | --- | ---: | ---: |
${lines.join("\n")}

\`\`\`bash
cp -a storage/NAME /srv/site/PLACE
\`\`\``;
}

function settings({ left_out, config }: Omit<PackageManifest, "files">, checks: Checks): string {
  const list = (items: readonly string[]): string => items.map((item) => `- ${item}`).join("\n");
  const left = left_out.slice(0, 100).map(({ what, why }) => `${what}: ${why}`);
  const host = "`config/` holds the host's configuration without its secrets, for comparison; none of it is installed.";
  return `## To check

${list([...checks.settings, ...(config ? [host] : [])])}

## Not in the package

${left.length === 0 ? "Nothing is known to be missing." : list(left)}`;
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
