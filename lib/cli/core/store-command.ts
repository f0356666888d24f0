/** The frame of the commands that work on a store that is there: their flags, and where the store is. */
import path from "node:path";
import { findConfig, loadConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import { lastValue } from "./arguments.ts";
import { PACKAGE_ROOT } from "../../exec/build-output.ts";
import { runCommandFrame, type CommandFrame, type OutputFlags } from "./run-command.ts";

type Given = string | string[] | undefined;

/** What `commandLine` parses for every command. */
export interface StoreFlags extends OutputFlags {
  readonly config?: Given;
  readonly dest?: Given;
}

/** Parses the flags and runs `work` with them; a fault in the flags is an error of the command as any other. */
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

/** The same with the path of the store: `--dest`, else the config's. */
export async function storeCommand<F extends StoreFlags>(
  parse: (argv: readonly string[]) => F,
  work: (flags: F, store: string, frame: CommandFrame) => Promise<number>,
): Promise<void> {
  await parsedCommand(parse, async (flags, frame) => await work(flags, storeOf(flags), frame));
}

/** The config is needed for its `dest` alone: without it every store that `--dest` names can be looked at. */
function storeOf(flags: StoreFlags): string {
  const dest = lastValue(flags.dest);
  if (dest !== undefined) return path.resolve(dest);
  const config = loadConfig(findConfig(lastValue(flags.config), process.env, PACKAGE_ROOT), process.env);
  if (config.dest !== undefined) return config.dest;
  throw new HoldfastError("E_USAGE", "there is no store: neither --dest nor dest in the config");
}

/** The one argument that is no flag, where a command takes one. Throws `E_USAGE` for a second one. */
export function argumentOf(given: readonly (string | number)[]): string | undefined {
  if (given.length > 1) throw new HoldfastError("E_USAGE", `unexpected argument: ${String(given[1])}`);
  return given[0] === undefined ? undefined : String(given[0]);
}
