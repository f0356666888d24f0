/** The `--help` of commands, with the verbs and forms that have one of their own. */
import { runInProcess } from "./in-process.ts";
import { verbsOf } from "./surface.ts";

const helps = new Map<string, Promise<string>>();

/** Returns the help of a command, given by its words behind the script's name. */
export async function helpOf(script: string, ...words: readonly string[]): Promise<string> {
  const key = [script, ...words].join(" ");
  const help = helps.get(key) ?? runInProcess(script, [...words, "--help"]).then(({ stdout }) => stdout);
  helps.set(key, help);
  return await help;
}

/** Returns the help of a command, of each of its verbs, and of `restore --package`. */
export async function wholeHelpOf(script: string, ...words: readonly string[]): Promise<string> {
  const help = await helpOf(script, ...words);
  const parts = [help];
  for (const verb of verbsOf(help)) parts.push(await wholeHelpOf(script, ...words, verb));
  if ([script, ...words].at(-1) === "restore") parts.push(await helpOf(script, ...words, "--package", "FILE"));
  return parts.join("\n");
}
