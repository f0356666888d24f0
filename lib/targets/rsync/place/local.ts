/** A tree of runs on this host: a mounted disk, or the store that a pull copies into. */
import { runCommand } from "../../../exec/command.ts";
import { handsOf } from "./hands.ts";
import { within, type Place } from "./interface.ts";

/** Opens a directory, which is an absolute path. */
export function localPlace(directory: string, signal: AbortSignal): Place {
  const at = (path: string): string => within(directory, path);
  const hands = handsOf(
    {
      argv: async (words) => await Promise.resolve(words),
      run: async (words) => (await runCommand(words, { signal, env: { LC_ALL: "C" }, code: "E_REMOTE" })).stdout,
    },
    at,
  );
  return {
    address: directory,
    directory,
    connection: async () => await Promise.resolve([]),
    // An absolute path has no colon before its first slash, so that rsync takes it for no host.
    operand: at,
    anchored: at,
    hands: async () => await Promise.resolve(hands),
    close: async () => {},
  };
}
