/** Which flags a page prints with which of our commands. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../../../lib/cli/commands.ts";
import { PROJECT } from "../commands/run.ts";

export interface DocumentedFlag {
  /** The script's name without its ending, or `holdfast` and its verb. */
  readonly command: string;
  /** With its dashes. */
  readonly flag: string;
}

const COMMAND = /\b(\w+)\.(?:ts|js)\b((?:(?!&&)[^`\n|#])*)/g;
const VERB = /\b(holdfast [a-z]+)\b((?:(?!&&)[^`\n|#])*)/g;
const FLAG = /(?<=\s)--?[a-z][a-z-]*/g;

/** Returns the flags behind each command, in blocks and code, and those in the other cells of a table's row that begins with a command. */
export function documentedFlags(text: string): DocumentedFlag[] {
  const found = new Map<string, DocumentedFlag>();
  const add = (command: string, part: string): void => {
    for (const [flag] of part.matchAll(FLAG)) found.set(`${command} ${flag}`, { command, flag });
  };
  for (const line of joinLines(text).split("\n")) {
    const commands = [...line.matchAll(COMMAND)].filter(([, name = ""]) => isCommand(name));
    for (const [, name = "", rest = ""] of commands) add(name, rest);
    for (const [, name = "", rest = ""] of line.matchAll(VERB)) if (isVerb(name)) add(name, rest);
    const [, first = "", ...cells] = line.split("|");
    const [, inTable] = /^ `npx tsx scripts\/(\w+)\.ts/.exec(first) ?? [];
    if (inTable !== undefined) add(inTable, cells.join(" ").replaceAll("`", " "));
  }
  return [...found.values()];
}

/** Makes one line of commands that go on behind a backslash, and of code in a sentence that is broken. */
const joinLines = (text: string): string =>
  text.replaceAll(/\\\n\s*/g, " ").replaceAll(/`[^`\n]+\n?[^`\n]*`/g, (code) => code.replace("\n", " "));

/** Tells `holdfast list` from `holdfast node`, a program that the user holdfast runs. */
const isVerb = (words: string): boolean => Object.hasOwn(COMMANDS, words.split(" ")[1] ?? "");

const isCommand = (name: string): boolean => existsSync(join(PROJECT, "scripts", `${name}.ts`));

/** Whether a text of --help has the flag. */
export function hasFlag(help: string, flag: string): boolean {
  const words = new Set(help.match(/(?<![\w-])--?[a-z][a-z-]*/g));
  return words.has(flag) || words.has(flag.replace(/^--no-/, "--"));
}
