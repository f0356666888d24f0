/**
 * The first message of a program that fails: the statement that it prints after it may be long, and fill the last
 * lines.
 */
import { HoldfastError, asHoldfastError, type ErrorCode } from "../errors.ts";
import type { RunningCommand } from "../exec/command.ts";
import { redact } from "../report/redact.ts";

/** Characters of the beginning that are kept. */
const SAID = 4000;

/**
 * Awaits `work` on a program of PostgreSQL. An error of this code gets the program's first complaint, with `secrets`
 * taken out.
 */
export async function withFirstComplaint<T>(
  command: RunningCommand,
  work: Promise<T>,
  { code, secrets }: { readonly code: ErrorCode; readonly secrets: readonly string[] },
): Promise<T> {
  let said = "";
  command.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(0, SAID)));
  try {
    return await work;
  } catch (error) {
    const first = /^.*?(?:error|ERROR|FATAL): .*$/m.exec(said)?.[0];
    const failure = asHoldfastError(error, code);
    if (failure.code !== code || first === undefined || failure.message.includes(first)) throw failure;
    throw new HoldfastError(code, `${redact(first, secrets)} (${failure.message})`, {
      hint: failure.hint,
      cause: error,
    });
  }
}
