/** Completes the commands that messages show, so that they can be typed as they stand. */
import { shellQuote } from "../../report/shell.ts";

const REPEATED = ["config", "dest"] as const;
const COMMAND = /npx tsx scripts\/\w+\.ts/g;

/** Adds the `--config` and `--dest` that this process was given to each command in a text, unless the text names them itself. */
export function withGivenFlags(text: string, argv: readonly string[] = process.argv.slice(2)): string {
  const flags = REPEATED.flatMap((name) => {
    const value = valueOf(`--${name}`, argv);
    return value === undefined || text.includes(`--${name} `) ? [] : [` --${name} ${shellQuote(value)}`];
  });
  return text.replaceAll(COMMAND, (command) => command + flags.join(""));
}

/** Returns the last value of a flag, given as `--flag value` or `--flag=value`. */
function valueOf(flag: string, argv: readonly string[]): string | undefined {
  const values = argv.flatMap((word, at) =>
    word === flag ? [argv[at + 1]] : word.startsWith(`${flag}=`) ? [word.slice(flag.length + 1)] : [],
  );
  return values.at(-1);
}
