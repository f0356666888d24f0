/** Completes the commands shown in messages, so that they can be pasted. */
import { shellQuote } from "../../report/shell.ts";
import { readFlags } from "./read-flags.ts";

const REPEATED = ["config", "dest"] as const;
const COMMAND = /npx tsx scripts\/(\w+)\.ts/g;

/** The words that start a script, by its name. */
let wordsOf = (script: string): string => `npx tsx scripts/${script}.ts`;

/** Makes messages name commands as this process was started: `holdfast restore` in place of the script. */
export function nameCommands(words: (script: string) => string): void {
  wordsOf = words;
}

/** Returns the text with each command as this process was started. */
export const asStarted = (text: string): string => text.replaceAll(COMMAND, (_, script: string) => wordsOf(script));

/** As `asStarted`; adds this process's `--config` and `--dest` to each command, unless the text has them already. */
export function withGivenFlags(text: string, argv: readonly string[] = process.argv.slice(2)): string {
  const given = readFlags(argv);
  const flags = REPEATED.flatMap((name) => {
    const value = given.findLast((flag) => flag.name === name)?.value;
    return value === undefined || value === "" || text.includes(`--${name} `)
      ? []
      : [` --${name} ${shellQuote(value)}`];
  });
  return text.replaceAll(COMMAND, (_, script: string) => wordsOf(script) + flags.join(""));
}
