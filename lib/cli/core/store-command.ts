/** The common parts of commands that work on an existing store: their flags, and the store's path. */
import path from "node:path";
import { findConfig, loadConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import { lastValue } from "./arguments.ts";
import { PACKAGE_ROOT } from "../../exec/build-output.ts";
import { runCommandFrame, type CommandFrame, type OutputFlags } from "./run-command.ts";

type Given = string | string[] | undefined;

/** The flags that `commandLine` parses for every command. */
export interface StoreFlags extends OutputFlags {
  readonly config?: Given;
  readonly dest?: Given;
}

/** Parses the flags and runs `work` with them; an invalid flag is reported like any other error of the command. */
export async function parsedCommand<F extends OutputFlags>(
  parse: (argv: readonly string[]) => F,
  work: (flags: F, frame: CommandFrame) => Promise<number>,
): Promise<void> {
  const argv = process.argv.slice(2);
  let flags: F | undefined;
  let fault: unknown;
  try {
    flags = parse(argv);
  } catch (error) {
    fault = error;
  }
  const output = flags ?? { json: argv.includes("--json"), quiet: false, verbose: argv.includes("--verbose") };
  await runCommandFrame(output, async (frame) => {
    if (flags === undefined) throw fault;
    return await work(flags, frame);
  });
}

/** Runs `work` with the flags and the path of the store: `--dest`, else the config's. */
export async function storeCommand<F extends StoreFlags>(
  parse: (argv: readonly string[]) => F,
  work: (flags: F, store: string, frame: CommandFrame) => Promise<number>,
): Promise<void> {
  await parsedCommand(parse, async (flags, frame) => await work(flags, storeOf(flags), frame));
}

/** Returns the store's path. The config is only read for its `dest`: with `--dest`, no config is needed. */
function storeOf(flags: StoreFlags): string {
  const dest = lastValue(flags.dest);
  if (dest !== undefined) return path.resolve(dest);
  const config = loadConfig(findConfig(lastValue(flags.config), process.env, PACKAGE_ROOT), process.env);
  if (config.dest !== undefined) return config.dest;
  throw new HoldfastError("E_USAGE", "no store is given: neither --dest nor dest in the config");
}

/** Returns the single positional argument, if any. Throws `E_USAGE` for a second one. */
export function argumentOf(given: readonly (string | number)[]): string | undefined {
  if (given.length > 1) throw new HoldfastError("E_USAGE", `unexpected argument: ${String(given[1])}`);
  return given[0] === undefined ? undefined : String(given[0]);
}
