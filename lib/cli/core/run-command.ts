/** Runs every command: signals, the reporter, and the only place that turns an error into an exit status. */
import { colors as pc } from "../../report/colors.ts";
import { asHoldfastError, EXIT, type HoldfastError } from "../../errors.ts";
import { keepYoungGenerationSmall } from "../../exec/v8-memory.ts";
import type { Report } from "../../model/event.ts";
import { jsonReport } from "../../report/json.ts";
import { redact } from "../../report/redact.ts";
import { guardTerminal } from "../../report/terminal.ts";
import { textReport } from "../../report/text.ts";
import { withGivenFlags } from "./given-flags.ts";
import { printJson } from "./print-json.ts";
import { abortOnSignals } from "./signals.ts";

export interface OutputFlags {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

export interface CommandFrame {
  readonly signal: AbortSignal;
  readonly report: Report;
}

/**
 * Runs a command to its end and sets the exit status: the result of `work`, or that of its error. SIGINT, SIGTERM and
 * SIGHUP abort the signal; the command cleans up and exits with 130.
 */
export async function runCommandFrame(
  flags: OutputFlags,
  work: (frame: CommandFrame) => Promise<number>,
): Promise<void> {
  process.umask(0o027);
  keepYoungGenerationSmall();
  // The reader of the output may have exited, which is not a reason to stop.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  // JSON documents are written unescaped, so that they stay exact.
  for (const stream of flags.json ? [process.stderr] : [process.stdout, process.stderr]) guardTerminal(stream);
  const abort = abortOnSignals();
  const report = flags.json
    ? jsonReport((line) => process.stdout.write(line), flags.verbose)
    : textReport(process.stderr, { quiet: flags.quiet, verbose: flags.verbose });
  try {
    process.exitCode = await work({ signal: abort.signal, report });
  } catch (error) {
    const cause = asHoldfastError(abort.signal.aborted ? abort.signal.reason : error);
    // Status 3 means done and published; a thrown error means that it was not.
    process.exitCode = cause.exitCode === EXIT.partial ? EXIT.failed : cause.exitCode;
    showError(cause, process.exitCode, flags);
  }
}

/** Prints the message and the hint, a line each; with `--verbose` also the causes. */
function showError(error: HoldfastError, exitCode: number, flags: OutputFlags): void {
  const { code, message } = error;
  const hint = withGivenFlags(error.hint);
  if (flags.json) {
    const document = { message_type: "exit_error", code: exitCode, error_code: code, message: redact(message), hint };
    printJson(document);
  }
  process.stderr.write(`${pc.red("error:")} ${inset(redact(message))}\nhint: ${inset(redact(hint))}\n`);
  if (flags.verbose) process.stderr.write(`${redact(error.stack ?? "")}\n${causes(error)}`);
}

/** Indents further lines, so that none looks like one of ours. */
const inset = (text: string): string => text.replaceAll("\n", "\n  ");

function causes(error: Error): string {
  return error.cause instanceof Error
    ? `cause: ${redact(error.cause.stack ?? error.cause.message)}\n${causes(error.cause)}`
    : "";
}
