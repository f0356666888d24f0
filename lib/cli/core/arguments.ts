/** The parser of all commands: yargs, strict, with our exit status and hints; and values of options. */
import { distance } from "fastest-levenshtein";
import yargs from "yargs";
import { HoldfastError } from "../../errors.ts";
import { VERSION } from "../../version.ts";
import type { Command, CommonParser } from "./command.ts";
import { COMMON } from "./options.ts";

/** The part of the command line that yargs has understood when it finds a fault. */
export interface Understood {
  /** The words typed so far: the program, and the groups and commands that were chosen. */
  readonly name: string;
  /** The chosen command, or the names to choose from. */
  readonly command: Command | undefined;
  readonly choices: readonly string[];
}

/**
 * Returns a parser for the program `name`. An invalid argument or a broken rule throws `E_USAGE`; `--help` and
 * `--version` print and end the process.
 */
export function createParser(name: string, understood: () => Understood): CommonParser {
  return yargs()
    .scriptName(name)
    .version(VERSION)
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .strict()
    .strictCommands()
    .parserConfiguration({
      "duplicate-arguments-array": true,
      "dot-notation": false,
      "parse-positional-numbers": false,
    })
    .exitProcess(true)
    .showHelpOnFail(false)
    .fail((message, error) => {
      if (error instanceof HoldfastError) throw error;
      throw usageError((message ?? error.message).replaceAll("\n", " ").replaceAll("\0", ""), understood());
    })
    .options(COMMON);
}

/** Returns the error for a message of yargs, in our words where it says less than we know. */
function usageError(message: string, { name, command, choices }: Understood): HoldfastError {
  const word = unknownWord(message);
  if (command === undefined) {
    const text = word === undefined ? message : `${name}: unknown command ${word}`;
    return new HoldfastError("E_USAGE", text, { hint: `use one of ${choices.join(", ")}` });
  }
  if (word !== undefined) return new HoldfastError("E_USAGE", `unexpected argument: ${word}`);
  const [missing] = Object.keys(command.positionals);
  if (message.startsWith("Not enough non-option arguments") && missing !== undefined)
    return new HoldfastError("E_USAGE", `${name}: missing argument ${missing.toUpperCase()}`, {
      ...(command.missing !== undefined && { hint: command.missing }),
    });
  const near = nearestFlag(message, [...Object.keys(command.options), ...Object.keys(COMMON)]);
  const hint = near === undefined ? {} : { hint: `did you mean --${near}? --help shows every flag` };
  return new HoldfastError("E_USAGE", message, hint);
}

/** Returns the word that yargs does not expect, if it was typed as such and not as a flag. */
function unknownWord(message: string): string | undefined {
  const [, word] = /^Unknown (?:command|argument)s?: ([^,]+)/.exec(message) ?? [];
  return word !== undefined && process.argv.includes(word, 2) ? word : undefined;
}

/** Returns the flag that is most similar to the unknown one in yargs' message. */
function nearestFlag(message: string, flags: readonly string[]): string | undefined {
  const [, unknown] = /^Unknown arguments?: (?:\w, )*([\w-]{2,})/.exec(message) ?? [];
  if (unknown === undefined) return undefined;
  const [near] = flags.map((name) => ({ name, away: distance(name, unknown) })).toSorted((a, b) => a.away - b.away);
  return near !== undefined && near.away <= Math.max(2, unknown.length / 2) ? near.name : undefined;
}

/** Returns the last value of an option that may be given once: yargs collects repeated ones. */
export const lastValue = <T extends string | number>(value: T | readonly T[] | undefined): T | undefined =>
  typeof value === "object" ? value.at(-1) : value;

/** Returns all values of an option that may be repeated. */
export const allValues = (value: string | readonly string[] | undefined): string[] => [value ?? []].flat();

/**
 * Parses comma-separated names, from one option or several. Throws `E_USAGE` for an empty list, as an unset variable
 * produces: it would mean everything.
 */
export function parseList(flag: string, value: string | readonly string[] | undefined): string[] {
  const names = allValues(value)
    .flatMap((part) => part.split(","))
    .map((part) => part.trim())
    .filter((part) => part !== "");
  if (names.length > 0 || allValues(value).length === 0) return names;
  throw new HoldfastError("E_USAGE", `--${flag} is empty`, { hint: `give a value, or omit --${flag}` });
}
