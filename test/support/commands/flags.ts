/** The flags of all commands, from their definitions. */
import { COMMANDS } from "../../../lib/cli/commands.ts";
import { COMMON } from "../../../lib/cli/core/options.ts";
import { loadCommands } from "../../../lib/cli/core/table.ts";

/** Returns the names of the flags, without dashes. */
export async function commandFlags(): Promise<Set<string>> {
  const commands = await loadCommands(COMMANDS);
  return new Set(["help", "version", ...[COMMON, ...commands.map((one) => one.command.options)].flatMap(Object.keys)]);
}
