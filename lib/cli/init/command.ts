/** `init`: writes a config for an installation and reports its findings. */
import path from "node:path";
import { EXIT, HoldfastError } from "../../errors.ts";
import { init as initSite, type InitOutcome } from "../../ops/init/run.ts";
import { colors as pc } from "../../report/colors.ts";
import { printable } from "../../report/printable.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { asStarted } from "../core/given-flags.ts";
import { TEXT } from "../core/options.ts";
import { CONFIG_HOME } from "../core/site-config.ts";
import { printJson, type JsonMessage } from "../core/print-json.ts";
import { shellQuote } from "../../report/shell.ts";

export const init = defineCommand({
  forms: ["[DIR] [-o FILE]"],
  description:
    "Inspects the installation in DIR (default: the current directory), writes a config for it and tests that by a " +
    "dry run.",
  positionals: { dir: { type: "string", describe: "the directory of the installation" } },
  options: {
    output: { ...TEXT, alias: "o", describe: "path of the new config (default: config/site.yaml)" },
    site: { ...TEXT, describe: "the site's name (default: the directory's)" },
  },
  async run(flags, frame) {
    if (lastValue(flags.config) !== undefined)
      throw new HoldfastError("E_USAGE", "--config has no effect on init", {
        hint: "set the path of the new config with -o",
      });
    const result = await initSite(
      {
        directory: flags.dir ?? ".",
        file: lastValue(flags.output) ?? path.join(CONFIG_HOME, "config/site.yaml"),
        dest: lastValue(flags.dest),
        site: lastValue(flags.site),
      },
      frame,
    );
    if (flags.json) printJson(summaryOf(result));
    else if (!flags.quiet) process.stdout.write(textOf(result));
    return isProven(result) ? EXIT.ok : EXIT.partial;
  },
});

const isProven = ({ outcome, unreachable }: InitOutcome): boolean =>
  outcome.status === "complete" && unreachable.length === 0;

/** Returns the units of a run: step, path or URL, and the config key or where the password is. */
const unitsOf = ({ databases, outcome }: InitOutcome): [step: string, place: string, note: string][] => [
  ...databases.map((database): [string, string, string] => ["db", database.url, passwordText(database)]),
  ...(outcome.claims ?? [])
    .filter(({ step }) => step !== "db")
    .map(({ step, path: place, key }): [string, string, string] => [step, place, key]),
];

function passwordText({ passwordCommand, passwordFile, unprinted }: InitOutcome["databases"][number]): string {
  if (unprinted !== undefined) return `password in ${unprinted}: see the config`;
  const file = passwordFile ?? passwordCommand?.at(-1);
  return file === undefined ? "" : `password from ${file}`;
}

/** Returns sentences on what the operator has to check. */
const openPoints = ({ found, databases, outcome, unreachable }: InitOutcome): string[] => [
  ...found.unknown,
  ...databases.flatMap(({ unprinted }) =>
    unprinted === undefined
      ? []
      : [`a command that prints the password in ${unprinted}: the config uses password_file`],
  ),
  ...unreachable.map(({ unit, error }) => `whether ${unit} can be dumped: ${error.message}`),
  ...outcome.uncovered.map((name) => `whether ${name} is needed: no step covers it`),
];

function textOf(result: InitOutcome): string {
  const { application, root, file, outcome, databases } = result;
  const units = unitsOf(result).map((cells) => cells.map(printable));
  const width = Math.max(...units.map(([, place = ""]) => place.length));
  const open = openPoints(result).map(printable);
  const failed = outcome.status === "complete" ? "a database cannot be opened" : "the dry run failed";
  const test = asStarted(`npx tsx scripts/backup_all.ts --config ${shellQuote(file)} --dry-run`);
  return [
    `${pc.bold(application)} in ${printable(root)}`,
    ...units.map(([step = "", place = "", note = ""]) =>
      `  ${step.padEnd(5)}  ${place.padEnd(width)}  ${note}`.trimEnd(),
    ),
    ...(open.length === 0 ? [] : ["not determined:", ...open.map((one) => `  ${one}`)]),
    `wrote ${printable(file)}`,
    isProven(result)
      ? `${pc.green("✓")} the dry run succeeded${databases.length === 0 ? "" : ", and each database can be opened"}`
      : `${pc.red("✗")} ${failed}: edit the config, then test it: ${test}`,
    "",
  ].join("\n");
}

function summaryOf(result: InitOutcome): JsonMessage & Record<string, unknown> {
  return {
    message_type: "summary",
    application: result.application,
    root: result.root,
    config: result.file,
    units: unitsOf(result).map(([step, place, note]) => ({ step, place, note })),
    not_found_out: openPoints(result),
    status: isProven(result) ? "complete" : "partial",
  };
}
