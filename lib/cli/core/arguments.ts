/** Argument parsing for all commands: yargs, strict, with our exit status and hints. */
import { distance } from "fastest-levenshtein";
import yargs from "yargs";
import { HoldfastError } from "../../errors.ts";
import { VERSION } from "../../version.ts";
import { assertFlags, type FlagRules } from "./flag-rules.ts";

/**
 * Returns a parser for the command `name`. An invalid argument or a broken rule throws `E_USAGE`; `--help` and
 * `--version` print and end the process.
 */
export function commandLine(name: string, usage: string, rules: FlagRules = {}) {
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
    .fail((message, error, parser) => {
      if (error instanceof HoldfastError) throw error;
      const text = (message ?? error.message).replaceAll("\n", " ");
      const near = nearestFlag(text, helpOf(parser));
      throw new HoldfastError(
        "E_USAGE",
        text,
        near === undefined ? {} : { hint: `did you mean --${near}? --help shows every flag` },
      );
    })
    .check((parsed) => {
      assertFlags(process.argv.slice(2), rules, String(parsed["_"][0] ?? ""));
      return true;
    })
    .option("config", { type: "string", describe: "config file of the site", requiresArg: true })
    .option("dest", { type: "string", describe: "the store (default: dest in the config)", requiresArg: true })
    .option("json", { type: "boolean", default: false, describe: "print JSON lines on standard output" })
    .option("quiet", { type: "boolean", default: false, describe: "print errors only" })
    .option("verbose", { type: "boolean", default: false, describe: "print every unit, and the causes of errors" });
}

/** Returns the flag that is most similar to the unknown one in yargs' message. */
function nearestFlag(message: string, help: string): string | undefined {
  const [, unknown] = /^Unknown arguments?: (?:\w, )*([\w-]{2,})/.exec(message) ?? [];
  if (unknown === undefined) return undefined;
  const [near] = [...help.matchAll(/--([\w-]+)/g)]
    .map(([, name = ""]) => ({ name, away: distance(name, unknown) }))
    .toSorted((a, b) => a.away - b.away);
  return near !== undefined && near.away <= Math.max(2, unknown.length / 2) ? near.name : undefined;
}

/** Returns the text of --help, which the argument of `fail` provides despite its declared type. */
function helpOf(usage: unknown): string {
  if (typeof usage !== "object" || usage === null || !("help" in usage) || typeof usage.help !== "function") return "";
  const text: unknown = Reflect.apply(usage.help, usage, []);
  return typeof text === "string" ? text : "";
}

/** Returns the last value of an option that may be given once: yargs collects repeated ones. */
export const lastValue = <T extends string | number>(value: T | readonly T[] | undefined): T | undefined =>
  typeof value === "object" ? value.at(-1) : value;

/**
 * Parses comma-separated names, from one option or several. Throws `E_USAGE` for an empty list, as an unset variable
 * produces: it would mean everything.
 */
export function parseList(flag: string, value: string | readonly string[] | undefined): string[] {
  const names = [value ?? []]
    .flat()
    .flatMap((part) => part.split(","))
    .map((part) => part.trim())
    .filter((part) => part !== "");
  if (names.length > 0 || [value ?? []].flat().length === 0) return names;
  throw new HoldfastError("E_USAGE", `--${flag} is empty`, { hint: `give a value, or omit --${flag}` });
}
