/** Writes the commented config of `init`. */
import type { Found, FoundTree } from "./sources/application.ts";
import type { PortableKeys } from "./foreign-keys.ts";
import type { ConfiguredDatabase } from "./proven-password.ts";
import type { Services } from "./services.ts";

export interface Installation {
  readonly application: string;
  readonly site: string;
  readonly root: string;
  readonly dest: string;
  readonly found: Found;
  readonly databases: readonly ConfiguredDatabase[];
  readonly services: Services;
  readonly references?: PortableKeys;
}

/** Returns a config as YAML. It contains no secret. */
export function configText(installation: Installation): string {
  const parts = [head, databases, trees, infra, portable, rest];
  return parts
    .map((part) => part(installation))
    .filter((part) => part !== "")
    .join("\n");
}

function head({ application, site, root, dest }: Installation): string {
  return `# Written by init for an installation of ${application}.
# See docs/configuring.md, and config/site.example.yaml for every key.
site: ${quoted(site)}
root: ${quoted(root)} # other paths are relative to it
dest: ${quoted(dest)} # the store; must be outside the root, preferably on another disk
`;
}

function databases({ databases: all, found }: Installation): string {
  if (all.length === 0)
    return `# No database was found. One is configured by its URL, without the password:
# database: { url: "postgresql://user@localhost/name", password_file: /etc/holdfast/db_password }
`;
  const prefix = found.execPrefix;
  const names = uniqueNames(all.map(({ url }) => url));
  return [
    ...(prefix === undefined
      ? []
      : [
          "# The database's clients run in its container; docker ps shows the container's name.",
          `exec_prefix: ${list(prefix)}`,
        ]),
    "# Each database becomes a dump.",
    "database:",
    ...all.flatMap((database, index) => [
      `  - url: ${quoted(database.url)}`,
      ...(names[index] === undefined ? [] : [`    name: ${quoted(names[index])}`]),
      ...passwordLines(database).map((line) => `    ${line}`),
    ]),
    "",
  ].join("\n");
}

function passwordLines({ passwordCommand, passwordFile, unprinted }: ConfiguredDatabase): string[] {
  if (passwordFile !== undefined) return [`password_file: ${quoted(passwordFile)}`];
  if (passwordCommand !== undefined)
    return [
      "# Prints the password from the file in which the application keeps it. init has tried it.",
      `password_command: ${list(passwordCommand)}`,
    ];
  if (unprinted === undefined) return [];
  return [
    `# No simple command prints the password as it is written in ${oneLine(unprinted)}.`,
    "# Write it into a file that the backup's user alone can read, and name the file here:",
    "# password_file: /etc/holdfast/db_password",
  ];
}

/** Returns distinct names for databases with equal names, as SQLite files may have. */
function uniqueNames(urls: readonly string[]): (string | undefined)[] {
  const own = (url: string): string => url.replace(/\?.*$/, "").split("/").at(-1)?.toLowerCase() ?? "";
  const seen = new Set<string>();
  return urls.map((url, index) => {
    const isTaken = seen.has(own(url));
    seen.add(own(url));
    return isTaken ? `${own(url).replaceAll(/[^\w.-]/g, "_")}_${index + 1}` : undefined;
  });
}

function trees({ found, root }: Installation): string {
  const secrets = found.secretFiles.map(oneLine).join(", ");
  const exclude = found.exclude ?? [];
  return [
    "# Each tree becomes an archive, without the paths in it that this file names elsewhere.",
    ...(secrets === ""
      ? []
      : [
          `# ${secrets}: hold secrets that a restore needs, so they stay in the tree.`,
          "# Do not add them to infra: it redacts secrets.",
        ]),
    "trees:",
    `  - name: ${quoted("site")}`,
    `    path: . # all of ${oneLine(root)}`,
    ...(exclude.length > 0
      ? ["    # The files of a running database server, which its dump replaces.", `    exclude: ${list(exclude)}`]
      : ['    # exclude: ["__pycache__/", "*.tmp"] # .gitignore patterns of files that a restore does not need']),
    ...namedApart(found.trees).flatMap(treeLines),
    "",
  ].join("\n");
}

/** Each path once, and each name once beside the whole root's: a config that repeats one is refused. */
function namedApart(all: readonly FoundTree[]): FoundTree[] {
  const names = new Set(["site"]);
  return all
    .filter(({ path }, index) => all.findIndex((one) => one.path === path) === index)
    .map((tree, index) => {
      const name = names.has(tree.name.toLowerCase()) ? `${tree.name}_${index + 2}` : tree.name;
      names.add(name.toLowerCase());
      return { ...tree, name };
    });
}

const treeLines = ({ name, path }: FoundTree): string[] => [`  - name: ${quoted(name)}`, `    path: ${quoted(path)}`];

function infra({ services }: Installation): string {
  const keys = Object.entries(services).filter(([, files]) => files.length > 0);
  if (keys.length === 0)
    return `# No file of nginx, Apache, php-fpm, cron or systemd names the root. To back such files up, without secrets:
# infra: { nginx: [/etc/nginx/sites-available/site], systemd: [/etc/systemd/system/site.service] }
`;
  return [
    "# Files of the host's services that name the root; kept without their secrets.",
    "infra:",
    ...keys.map(([key, files]) => `  ${key}: ${list(files)}`),
    "",
  ].join("\n");
}

function portable({ application, references }: Installation): string {
  if (references === undefined) return "";
  const { keys, foreign_keys } = references;
  return [
    `# Columns in which ${application} keeps ids of users without a foreign key. Portable data and packages follow them.`,
    "portable:",
    ...(Object.keys(keys).length === 0
      ? []
      : ["  keys:", ...Object.entries(keys).map(([table, own]) => `    ${quoted(table)}: ${list(own)}`)]),
    "  foreign_keys:",
    ...Object.entries(foreign_keys).map(
      ([table, columns]) =>
        `    ${quoted(table)}: { ${Object.entries(columns)
          .map(([column, target]) => `${quoted(column)}: ${quoted(String(target))}`)
          .join(", ")} }`,
    ),
    "",
  ].join("\n");
}

function rest({ found }: Installation): string {
  const unknown = found.unknown.map((sentence) => `#   ${oneLine(sentence)}\n`);
  return `${unknown.length === 0 ? "" : `# Not determined:\n${unknown.join("")}`}\
# Signs each run, so that a restore can tell who made it: docs/signing.md.
# signing: { key: /etc/holdfast/signing_key, allowed_signers: /etc/holdfast/allowed_signers }
# Links that point outside the trees are listed after each run; true backs up their targets.
follow_links: false
`;
}

/** Returns a YAML scalar for any text; `\${` would be replaced from the environment. */
const quoted = (text: string): string => JSON.stringify(text.replaceAll("${", () => "$${"));
const list = (words: readonly string[]): string => `[${words.map(quoted).join(", ")}]`;
/** Escapes control characters, for comments. */
const oneLine = (text: string): string => JSON.stringify(text).slice(1, -1);
