/** Asks the operator on the terminal to type a word before something is replaced or deleted. */
import { createInterface } from "node:readline/promises";
import { HoldfastError, type ErrorCode } from "../../errors.ts";
import { printable } from "../../report/printable.ts";
import { rawTerminal } from "../../report/terminal.ts";

interface Confirmation {
  /** The word to type: a plain yes is typed too quickly. */
  readonly word: string;
  /** The purpose, as in `Type RESTORE to replace the site`. */
  readonly purpose: string;
  /** The error if there is no terminal to ask on. */
  readonly refused: { readonly message: string; readonly hint: string };
  /** The error if another word is typed. */
  readonly differs?: { readonly message?: string; readonly hint?: string };
  readonly code?: ErrorCode;
}

/**
 * Returns when the operator has typed the word. Throws `E_CONFIRM`, or `code`, without a terminal or for other words.
 */
export async function confirmTyped(confirmation: Confirmation, signal: AbortSignal): Promise<void> {
  const { word, purpose, refused, differs = {}, code = "E_CONFIRM" } = confirmation;
  if (!process.stdin.isTTY) throw new HoldfastError(code, refused.message, { hint: refused.hint });
  if ((await ask(`Type ${word} to ${purpose}: `, signal)) === word) return;
  const { message = "not confirmed; nothing was changed", hint } = differs;
  throw new HoldfastError(code, message, hint === undefined ? {} : { hint });
}

/** Returns the trimmed answer. */
async function ask(question: string, signal: AbortSignal): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: rawTerminal(process.stderr) });
  try {
    return (await terminal.question(printable(question), { signal })).trim();
  } finally {
    terminal.close();
  }
}
