/** Sets extended attributes with setfattr, since Node cannot. */
import { runCommand } from "../../exec/command.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import type { BytePath, Xattrs } from "../entry.ts";
import { dumpBlock } from "./dump.ts";

/** Text that is passed to one setfattr. */
/** The time that one setfattr may take. */
const LIMIT_MS = 10 * 60_000;

const PIECE = 4 * 1024 * 1024;

/**
 * Sets attributes of entries by absolute path, the last component not followed. Returns a warning that names the first
 * one that could not be set; a file system may have none, and some can be set by root alone.
 */
export async function setXattrs(entries: ReadonlyMap<BytePath, Xattrs>, cancelled: () => boolean): Promise<string[]> {
  const complaints: string[] = [];
  let text = "";
  const flush = async (): Promise<void> => {
    if (cancelled()) throw new HoldfastError("E_INTERRUPTED", "interrupted");
    if (text !== "") complaints.push(...(await restore(text)));
    text = "";
  };
  for (const [absolute, xattrs] of entries) {
    // Another program finds the handles of this process under its id.
    text += dumpBlock(absolute.replace(/^\/proc\/self\//, `/proc/${process.pid}/`), xattrs);
    if (text.length >= PIECE) await flush();
  }
  await flush();
  const [first] = complaints;
  if (first === undefined) return [];
  const more = complaints.length > 1 ? ` (and ${complaints.length - 1} more)` : "";
  return [`extended attributes could not be set: ${first}${more}`];
}

async function restore(text: string): Promise<string[]> {
  try {
    const argv = ["setfattr", "-h", "--restore=-"];
    const { stderr, exitCode } = await runCommand(argv, {
      signal: AbortSignal.timeout(LIMIT_MS),
      input: text,
      env: { LC_ALL: "C" },
      okExitCodes: [0, 1],
    });
    const lines = stderr.split("\n").filter((line) => line !== "");
    return exitCode !== 0 && lines.length === 0 ? [`setfattr ended with status ${exitCode}`] : lines;
  } catch (error) {
    return [`${asHoldfastError(error).message}: install the package attr`];
  }
}
