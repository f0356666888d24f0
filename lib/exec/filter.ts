/** Starts programs between two open files, for callers that write synchronously. Rules as in command.ts. */
import { spawn } from "node:child_process";
import { endGroupOnAbort, resultOf, startedAs, type CommandOptions, type CommandResult } from "./command.ts";

/** The standard error that is kept for the error. */
const MOST_STDERR = 64 * 1024;

/**
 * Starts a program that reads the descriptor `input` and writes to `output`; both stay the caller's to close. The result
 * settles when it has ended; throws as `runCommand` does.
 */
export function startFilter(
  argv: readonly string[],
  { input, output }: { readonly input: number; readonly output: number },
  options: CommandOptions,
): Promise<CommandResult> {
  options.signal.throwIfAborted();
  const [file, args] = startedAs(argv);
  const child = spawn(file, args, { stdio: [input, output, "pipe"], detached: true });
  const stop = endGroupOnAbort(child.pid, options);
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-MOST_STDERR);
  });
  const done = (async (): Promise<CommandResult> => {
    try {
      const [exitCode, signal] = await ended(child);
      return resultOf(
        argv,
        { stderr, exitCode: exitCode ?? undefined, signal: signal ?? undefined },
        options,
        stop.timedOut,
      );
    } finally {
      stop.release();
    }
  })();
  done.catch(() => {}); // whoever awaits it later still gets the error
  return done;
}

type Ending = readonly [exitCode: number | null, signal: NodeJS.Signals | null];

/** Settles when the program has ended and its output is closed; one that cannot be started ends as a shell's would. */
const ended = async (child: ReturnType<typeof spawn>): Promise<Ending> =>
  await new Promise((resolve) => {
    child.once("error", () => resolve([127, null]));
    child.once("close", (exitCode, signal) => resolve([exitCode, signal]));
  });
