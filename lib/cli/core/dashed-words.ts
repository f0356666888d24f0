/**
 * Passes the words behind `--` to yargs, which fills no positional argument from them: they come in front, marked by a
 * character that no argument contains.
 */
const MARK = "\0";

/** Returns the arguments without `--`, the words behind it marked. */
export function markWords(argv: readonly string[]): string[] {
  const end = argv.indexOf("--");
  return end === -1 ? [...argv] : [...argv.slice(0, end), ...argv.slice(end + 1).map((word) => MARK + word)];
}

/** Returns the value of a positional argument as it was typed. */
export const unmarked = <T>(value: T): T | string =>
  typeof value === "string" && value.startsWith(MARK) ? value.slice(MARK.length) : value;
