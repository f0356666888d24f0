/** Asks the operator on the terminal. */
import { createInterface } from "node:readline/promises";
import { printable } from "../../report/printable.ts";
import { rawTerminal } from "../../report/terminal.ts";

/** Returns the trimmed answer. */
export async function ask(question: string, signal: AbortSignal): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: rawTerminal(process.stderr) });
  try {
    return (await terminal.question(printable(question), { signal })).trim();
  } finally {
    terminal.close();
  }
}
