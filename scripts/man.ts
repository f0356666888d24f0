/** Makes the manual page holdfast(1) from the table of commands; `npm run build` writes it to dist/holdfast.1. */
import type { Options } from "yargs";
import { COMMANDS, DESCRIPTION } from "../lib/cli/commands.ts";
import { COMMON, type OptionTable } from "../lib/cli/core/options.ts";
import { loadCommands, type TypedCommand } from "../lib/cli/core/table.ts";
import type { EXIT } from "../lib/errors.ts";
import { VERSION } from "../lib/version.ts";

const EXIT_STATUSES: Readonly<Record<(typeof EXIT)[keyof typeof EXIT], string>> = {
  0: "All of it is done.",
  1: "Failed; nothing was published or changed.",
  2: "A flag or the config is wrong.",
  3: "Done and published, but some units failed.",
  10: "There is no store at --dest, or it is another site's, or it cannot be used.",
  11: "Another command holds the lock.",
  12: "The key is wrong or missing (reserved).",
  13: "The verification failed: data differ from what was recorded.",
  14: "The version is not compatible.",
  15: "A target off-site failed; the runs in the store are as they were.",
  130: "Interrupted, and cleaned up.",
};

const ENVIRONMENT: Readonly<Record<string, string>> = {
  HOLDFAST_CONFIG: "The config file where --config is not given.",
  DATABASE_URL: "The database of the portable commands where neither --database nor --config is given.",
};

const EXAMPLES: readonly (readonly [text: string, command: string])[] = [
  ["Back up a demo site, and show the result:", "holdfast backup --demo --dest /tmp/holdfast-demo"],
  ["Write a config for the site in /var/www/wiki:", "holdfast init /var/www/wiki -o /etc/holdfast/wiki.yaml"],
  [
    "Back it up, and prove the run:",
    "holdfast backup --config /etc/holdfast/wiki.yaml && holdfast verify --config /etc/holdfast/wiki.yaml",
  ],
  ["Restore one file of the latest run:", "holdfast restore --dest /srv/backups --to /tmp/logo --path images/logo.png"],
];

/** Returns the page in roff. `date` is an ISO day. */
export async function manPage(date: string): Promise<string> {
  const commands = await loadCommands(COMMANDS);
  const lines = [
    `.TH HOLDFAST 1 ${date} "Holdfast ${text(VERSION)}" "User Commands"`,
    ".SH NAME",
    "holdfast \\- back up a whole self-hosted web application, and restore it",
    ".SH SYNOPSIS",
    ".B holdfast",
    ".I command",
    ".RI [ options ]",
    ".SH DESCRIPTION",
    ...paragraph(DESCRIPTION),
    ".PP",
    ...paragraph(
      "holdfast COMMAND --help describes one command; holdfast completion prints a completion script for a shell.",
    ),
    ".SH OPTIONS OF EVERY COMMAND",
    ...optionLines({
      ...COMMON,
      help: { type: "boolean", describe: "show help" },
      version: { type: "boolean", describe: "show the version" },
    }),
    ".SH COMMANDS",
    ...commands.flatMap((one) => commandLines(one, alike(one, commands))),
    ".SH EXIT STATUS",
    ...entries(EXIT_STATUSES),
    ".SH ENVIRONMENT",
    ...entries(ENVIRONMENT),
    ".SH EXAMPLES",
    ...EXAMPLES.flatMap(([about, command]) => [
      text(about),
      ".PP",
      ".RS 4",
      ".EX",
      text(command),
      ".EE",
      ".RE",
      ".PP",
    ]).slice(0, -1),
    ".SH SEE ALSO",
    ...paragraph(
      "sha256sum(1), tar(1), unzip(1), pg_restore(1): with them the RESTORE.md of each run restores it without Holdfast.",
    ),
  ];
  return `${lines.join("\n")}\n`;
}

/** Returns the first command with the same options, if it is another one. */
function alike({ command }: TypedCommand, commands: readonly TypedCommand[]): TypedCommand | undefined {
  const first = commands.find((other) => other.command.options === command.options);
  return first?.command === command ? undefined : first;
}

function commandLines(
  { words, command: { forms, description, positionals, options } }: TypedCommand,
  model: TypedCommand | undefined,
): string[] {
  const bare = words.filter((word) => !word.startsWith("-"));
  const title = words.join(" ");
  return [
    `.SS ${text(`holdfast ${title}`)}`,
    ...forms.flatMap((form, at) => [
      ...(at === 0 ? [] : [".br"]),
      `.B ${text(`holdfast ${bare.join(" ")} ${form}`.trim())}`,
    ]),
    ".PP",
    ...paragraph(description),
    ...Object.entries(positionals).flatMap(([name, { describe = "" }]) => [
      ".TP",
      `.I ${text(name.toUpperCase())}`,
      ...sentence(describe),
    ]),
    ...(model === undefined
      ? optionLines(options)
      : [".PP", ...paragraph(`The options are those of holdfast ${model.words.join(" ")}.`)]),
  ];
}

/** Returns an entry for each option: its flags, description, choices and default. */
function optionLines(options: OptionTable): string[] {
  return Object.entries(options).flatMap(([name, option]) => [
    ".TP",
    `.B ${text(flagsOf(name, option))}`,
    ...sentence([option.describe ?? "", ...factsOf(option)].join(" ")),
  ]);
}

function flagsOf(name: string, { alias, type, default: preset }: Options): string {
  const short = typeof alias === "string" ? `-${alias}, ` : "";
  const negated = type === "boolean" && preset === true ? `, --no-${name}` : "";
  return `${short}--${name}${type === "boolean" ? negated : " VALUE"}`;
}

function factsOf({ choices, default: preset }: Options): string[] {
  const chosen = choices === undefined ? [] : [`(${choices.join(", ")})`];
  return typeof preset === "string" || typeof preset === "number" ? [...chosen, `(default: ${preset})`] : chosen;
}

const entries = (table: Readonly<Record<string, string>>): string[] =>
  Object.entries(table).flatMap(([head, about]) => [".TP", `.B ${text(head)}`, ...paragraph(about)]);

const sentence = (line: string): string[] => paragraph(line.charAt(0).toUpperCase() + line.slice(1));

const COLUMNS = 70;

/** Returns a paragraph in lines of roff. */
function paragraph(whole: string): string[] {
  const lines: string[] = [];
  for (const word of whole.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < COLUMNS) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map(text);
}

/** Returns a line of text in roff: nothing in it is a request, an escape or a typographic character. */
const text = (line: string): string =>
  line
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("…", "...")
    .replace(/^\./, "\\&.");
