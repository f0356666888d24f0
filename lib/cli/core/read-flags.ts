/** Reads a command line as it was typed, before yargs gives flags their defaults and takes words for flags. */

export interface GivenFlag {
  /** The name in kebab case, without dashes: `dry-run`, `no-safety`. */
  readonly name: string;
  /** The text after `=`, else the next argument. */
  readonly value: string;
}

const ALIASES: Readonly<Record<string, string>> = { "-o": "--output" };

/** Returns the given flags in their order. A switch turned off by `=false` is not included. */
export function readFlags(argv: readonly string[]): GivenFlag[] {
  const end = argv.indexOf("--");
  return argv.slice(0, end === -1 ? argv.length : end).flatMap((argument, index) => {
    const [, name, value] = /^--([\w-]+)(?:=(.*))?$/s.exec(ALIASES[argument] ?? argument) ?? [];
    if (name === undefined || value === "false") return [];
    const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return [{ name: kebab, value: value ?? argv[index + 1] ?? "" }];
  });
}

/**
 * Marks the words behind `--`, from which yargs fills no positional argument; no argument contains this character.
 */
const MARK = "\0";

/** Returns the arguments without `--`, the words behind it marked. */
export function markWords(argv: readonly string[]): string[] {
  if (argv.includes("--get-yargs-completions")) return [...argv]; // there, `--` is a word to complete
  const end = argv.indexOf("--");
  return end === -1 ? [...argv] : [...argv.slice(0, end), ...argv.slice(end + 1).map((word) => MARK + word)];
}

/** Returns the value of a positional argument as it was typed. */
export const unmarked = <T>(value: T): T | string =>
  typeof value === "string" && value.startsWith(MARK) ? value.slice(MARK.length) : value;
