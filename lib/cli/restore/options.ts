/** The options that a restore of a run and one of a package share, and what these mean. */
import path from "node:path";
import { RESTORE_DEFAULTS } from "../../api/restore.ts";
import { HoldfastError } from "../../errors.ts";
import { lastValue } from "../core/arguments.ts";
import { confirmTyped } from "../core/confirm.ts";
import { BREAK_LOCK, TEXT, YES, type OptionTable } from "../core/options.ts";

export const RESTORE_OPTIONS = {
  owner: {
    ...TEXT,
    default: RESTORE_DEFAULTS.owner,
    describe: "owner of the restored files: name, number, or USER[:GROUP]",
  },
  safety: { type: "boolean", default: true, describe: "make a safety dump first; --no-safety needs --reason" },
  reason: { ...TEXT, describe: "why --no-safety" },
  "break-lock": BREAK_LOCK,
  yes: YES,
} as const satisfies OptionTable;

type Given = string | string[] | undefined;

/**
 * Returns the directory of `--to`, else undefined for `--in-place`. Throws `E_USAGE` with `hint` if neither is given.
 */
export function directoryOf(
  flags: { readonly to?: Given; readonly "in-place": boolean },
  hint: string,
): string | undefined {
  const to = lastValue(flags.to);
  if (to === undefined && !flags["in-place"])
    throw new HoldfastError("E_USAGE", "neither --to DIR nor --in-place was given", { hint });
  return to === undefined ? undefined : path.resolve(to);
}

/** Returns the reason for `--no-safety`, else undefined. Throws `E_USAGE` if it is missing. */
export function reasonOf(flags: { readonly safety: boolean; readonly reason?: Given }): string | undefined {
  if (flags.safety) return undefined;
  const reason = lastValue(flags.reason);
  if ((reason ?? "").trim() !== "") return reason;
  throw new HoldfastError("E_USAGE", "--no-safety needs --reason", {
    hint: "add --reason TEXT; the journal of the restore records it",
  });
}

/** Returns when the operator has typed RESTORE. Throws `E_CONFIRM` otherwise. */
export const confirmInPlace = async (signal: AbortSignal): Promise<void> =>
  await confirmTyped(
    {
      word: "RESTORE",
      purpose: "replace the site",
      refused: { message: "an in-place restore needs confirmation", hint: "use --yes without a terminal" },
    },
    signal,
  );
