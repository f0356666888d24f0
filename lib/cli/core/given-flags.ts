/** Completes the commands shown in messages, so that they can be pasted. */
import { shellQuote } from "../../report/shell.ts";
import { readFlags } from "./read-flags.ts";

const REPEATED = ["config", "dest"] as const;
const COMMAND = /npx tsx scripts\/\w+\.ts/g;

/** Adds this process's `--config` and `--dest` to each command in a text, unless the text has them already. */
export function withGivenFlags(text: string, argv: readonly string[] = process.argv.slice(2)): string {
  const given = readFlags(argv);
  const flags = REPEATED.flatMap((name) => {
    const value = given.findLast((flag) => flag.name === name)?.value;
    return value === undefined || value === "" || text.includes(`--${name} `)
      ? []
      : [` --${name} ${shellQuote(value)}`];
  });
  return text.replaceAll(COMMAND, (command) => command + flags.join(""));
}
