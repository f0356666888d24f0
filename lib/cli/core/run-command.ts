/** The frame of every command: signals, the reporter, and the one place that turns an error into an exit status. */
import { colors as pc } from "../../report/colors.ts";
import { asHoldfastError, EXIT, type HoldfastError } from "../../errors.ts";
import { keepYoungGenerationSmall } from "../../exec/v8-memory.ts";
import type { Report } from "../../model/event.ts";
import { jsonReport } from "../../report/json.ts";
import { redact } from "../../report/redact.ts";
import { guardTerminal } from "../../report/terminal.ts";
import { textReport } from "../../report/text.ts";
import { withGivenFlags } from "./given-flags.ts";
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
 * Runs a command to its end and sets the exit status: what `work` returns, or what its error maps to. SIGINT, SIGTERM and SIGHUP abort the
 * signal; the command cleans up and ends with 130.
 */
export async function runCommandFrame(
  flags: OutputFlags,
  work: (frame: CommandFrame) => Promise<number>,
): Promise<void> {
  process.umask(0o027);
  keepYoungGenerationSmall();
  // Whoever read the output has gone: no reason to leave the work undone.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  // Documents of JSON are exact, whatever is in them.
  for (const stream of flags.json ? [process.stderr] : [process.stdout, process.stderr]) guardTerminal(stream);
  const abort = abortOnSignals();
  const report = flags.json
    ? jsonReport((line) => process.stdout.write(line), flags.verbose)
    : textReport(process.stderr, { quiet: flags.quiet, verbose: flags.verbose });
  try {
    process.exitCode = await work({ signal: abort.signal, report });
  } catch (error) {
    const cause = asHoldfastError(abort.signal.aborted ? abort.signal.reason : error);
    // 3 is for what was done and published; what is thrown was not.
    process.exitCode = cause.exitCode === EXIT.partial ? EXIT.failed : cause.exitCode;
    showError(cause, process.exitCode, flags);
  }
}

/** One line of what happened, one of what to do; the causes with `--verbose`. */
function showError(error: HoldfastError, exitCode: number, flags: OutputFlags): void {
  const { code, message } = error;
  const hint = withGivenFlags(error.hint);
  if (flags.json)
    process.stdout.write(
      `${JSON.stringify({ message_type: "exit_error", code: exitCode, error_code: code, message: redact(message), hint })}\n`,
    );
  process.stderr.write(`${pc.red("error:")} ${inset(redact(message))}\nhint: ${inset(redact(hint))}\n`);
  if (flags.verbose) process.stderr.write(`${redact(error.stack ?? "")}\n${causes(error)}`);
}

/** Indents further lines, so that none is taken for a line of ours. */
const inset = (text: string): string => text.replaceAll("\n", "\n  ");

function causes(error: Error): string {
  return error.cause instanceof Error
    ? `cause: ${redact(error.cause.stack ?? error.cause.message)}\n${causes(error.cause)}`
    : "";
}

/** The exit status of a backup: 3 when units failed. */
export const exitOf = (status: "complete" | "partial"): number => (status === "complete" ? EXIT.ok : EXIT.partial);
