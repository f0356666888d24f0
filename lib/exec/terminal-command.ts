/** Runs a program that asks on the terminal of this process: it stays in its session and process group. */
import { execa } from "execa";
import { resultOf, startedAs, type CommandOptions } from "./command.ts";

/**
 * Runs a program and returns its output, a character a byte. What it prints on standard error, and what it asks on
 * `/dev/tty`, goes to the terminal. Throws a HoldfastError as `runCommand` does.
 */
export async function runOnTerminal(
  argv: readonly string[],
  options: Pick<CommandOptions, "signal" | "code">,
): Promise<string> {
  const { signal } = options;
  signal.throwIfAborted();
  const [file, args] = startedAs(argv);
  const result = await execa(file, args, {
    stdin: "ignore",
    stderr: "inherit",
    encoding: "latin1",
    stripFinalNewline: false,
    reject: false,
    cancelSignal: signal,
  });
  return resultOf(argv, result, options, () => false).stdout;
}
