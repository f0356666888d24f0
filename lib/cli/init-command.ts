/** `init`: writes a config for an installation and reports what it found. */
import path from "node:path";
import { fromString, display } from "../archive/path.ts";
import { EXIT, HoldfastError } from "../errors.ts";
import { HOME } from "../exec/compiled.ts";
import { init, type InitOutcome } from "../ops/init.ts";
import { colors as pc } from "../report/colors.ts";
import { commandLine, single } from "./arguments.ts";
import { argumentOf, parsedCommand } from "./store-command.ts";

export async function initCommand(): Promise<void> {
  await parsedCommand(
    (argv) =>
      commandLine(
        "init",
        "$0 [DIR] [-o FILE]\n\nLooks at the installation in DIR, or in the current directory, writes a config for it and tries it by a dry run.",
      )
        .strict(false)
        .strictOptions()
        .option("output", {
          alias: "o",
          type: "string",
          describe: "the config to be written; config/site.yaml when absent",
          requiresArg: true,
        })
        .option("site", { type: "string", describe: "the site's name; else the directory's", requiresArg: true })
        .parseSync([...argv]),
    async (flags, frame) => {
      if (single(flags.config) !== undefined)
        throw new HoldfastError("E_USAGE", "--config has no meaning for init", { hint: "name the new config with -o" });
      const result = await init(
        {
          directory: argumentOf(flags._) ?? ".",
          file: single(flags.output) ?? path.join(HOME, "config/site.yaml"),
          dest: single(flags.dest),
          site: single(flags.site),
        },
        frame,
      );
      if (flags.json) process.stdout.write(`${JSON.stringify(summaryOf(result))}\n`);
      else if (!flags.quiet) process.stdout.write(textOf(result));
      return isProven(result) ? EXIT.ok : EXIT.partial;
    },
  );
}

const isProven = ({ outcome, unreachable }: InitOutcome): boolean =>
  outcome.status === "complete" && unreachable.length === 0;

/** What has which path or URL: step, unit, place. */
function unitsOf({ site, databases, found, services, root }: InitOutcome): [string, string, string][] {
  return [
    ...databases.map(({ url }): [string, string, string] => ["db", url, passwordText(databases, url)]),
    [
      "trees",
      "site",
      `all of ${root}${(found.exclude ?? []).length > 0 ? ` but ${(found.exclude ?? []).join(", ")}` : ""}`,
    ],
    ...found.trees.map(({ name, path: place }): [string, string, string] => [
      "trees",
      name === "" ? site : name,
      path.resolve(root, place),
    ]),
    ...Object.entries(services).flatMap(([key, files]) =>
      files.map((file): [string, string, string] => ["infra", key, file]),
    ),
  ];
}

function passwordText(databases: InitOutcome["databases"], url: string): string {
  const database = databases.find((one) => one.url === url);
  if (database?.passwordCommand !== undefined) return `password from ${database.passwordCommand.at(-1) ?? ""}`;
  if (database?.passwordFile !== undefined) return `password from ${database.passwordFile}`;
  return database?.unprinted === undefined ? "" : `password in ${database.unprinted}: see the config`;
}

/** Sentences on what the operator has to look at. */
const openPoints = ({ found, databases, outcome, unreachable }: InitOutcome): string[] => [
  ...found.unknown,
  ...databases.flatMap(({ unprinted }) =>
    unprinted === undefined
      ? []
      : [`a command that prints the password in ${unprinted}: the config names password_file`],
  ),
  ...unreachable.map(({ unit, error }) => `whether ${unit} can be dumped: ${error.message}`),
  ...outcome.uncovered.map((name) => `whether ${name} is needed: no step covers it`),
];

function textOf(result: InitOutcome): string {
  const { application, root, file, outcome } = result;
  const units = unitsOf(result).map((cells) => cells.map(safe));
  const width = Math.max(...units.map(([, unit = ""]) => unit.length));
  const open = openPoints(result).map(safe);
  return [
    `${pc.bold(application)} in ${safe(root)}`,
    ...units.map(([step = "", unit = "", place = ""]) =>
      `  ${step.padEnd(5)}  ${unit.padEnd(width)}  ${place}`.trimEnd(),
    ),
    ...(open.length === 0 ? [] : ["not found out:", ...open.map((one) => `  ${one}`)]),
    `wrote ${safe(file)}`,
    isProven(result)
      ? `${pc.green("✓")} the dry run succeeded; each database can be opened`
      : `${pc.red("✗")} ${outcome.status === "complete" ? "a database cannot be opened" : "the dry run failed"}: edit the config, then try it with backup_all.ts --dry-run`,
    "",
  ].join("\n");
}

function summaryOf(result: InitOutcome): Record<string, unknown> {
  return {
    message_type: "summary",
    application: result.application,
    root: result.root,
    config: result.file,
    units: unitsOf(result).map(([step, unit, place]) => ({ step, unit, place })),
    not_found_out: openPoints(result),
    status: isProven(result) ? "complete" : "partial",
  };
}

/** Names of a site are data: control characters are escaped. */
const safe = (text: string): string => display(fromString(text));
