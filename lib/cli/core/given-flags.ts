/** Completes the commands shown in messages, so that they can be pasted. */
import { shellQuote } from "../../report/shell.ts";

const REPEATED = ["config", "dest"] as const;
const COMMAND = /npx tsx scripts\/\w+\.ts/g;

/** Adds this process's `--config` and `--dest` to each command in a text, unless the text has them already. */
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
