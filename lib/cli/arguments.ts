/** Argument parsing that every command shares: yargs, strict, with our exit status and hints. */
import yargs from "yargs";
import { HoldfastError } from "../errors.ts";
import { VERSION } from "../version.ts";

/** A parser for `name`. A fault in the arguments throws `E_USAGE`; `--help` and `--version` print and end the process. */
export function commandLine(name: string, usage: string) {
  return yargs()
    .scriptName(name)
    .usage(usage)
    .version(VERSION)
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .strict()
    .parserConfiguration({ "duplicate-arguments-array": true, "dot-notation": false })
    .recommendCommands()
    .exitProcess(true)
    .showHelpOnFail(false)
    .fail((message, error) => {
      throw error instanceof HoldfastError
        ? error
        : new HoldfastError("E_USAGE", (message ?? error.message).replaceAll("\n", " "));
    })
    .option("config", { type: "string", describe: "config file of the site", requiresArg: true })
    .option("dest", { type: "string", describe: "the store; else the config's dest", requiresArg: true })
    .option("json", { type: "boolean", default: false, describe: "JSON lines on standard output" })
    .option("quiet", { type: "boolean", default: false, describe: "errors only" })
    .option("verbose", { type: "boolean", default: false, describe: "every unit, and the causes of errors" });
}

/** The last value of an option that may be given once: yargs collects repeated ones. */
export const single = <T extends string | number>(value: T | readonly T[] | undefined): T | undefined =>
  typeof value === "object" ? value.at(-1) : value;

/** Comma-separated names, from one option or several. */
export const listOf = (value: string | readonly string[] | undefined): string[] =>
  [value ?? []]
    .flat()
    .flatMap((part) => part.split(","))
    .map((part) => part.trim())
    .filter((part) => part !== "");
