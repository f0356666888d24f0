/** Writes a recovery kit of a site. */
import path from "node:path";
import type { SiteConfig } from "../config/load.ts";
import { HoldfastError } from "../errors.ts";
import { makeKit, type Kit } from "../ops/recovery-kit/run.ts";
import type { Frame } from "./call.ts";

export interface RecoveryKitOptions {
  /** Path of the kit: a new or an empty directory. */
  readonly directory: string;
  /** File with an identity that opens sealed runs; it goes into the kit. */
  readonly identity?: string | undefined;
  /** Leaves the identity unsealed; otherwise `age` asks for a passphrase on the terminal. */
  readonly plainIdentity?: boolean | undefined;
}

export type RecoveryKitSummary = Kit;

/** Writes the kit. Throws `E_USAGE` for `plainIdentity` without an identity, and what `makeKit` throws. */
export async function makeRecoveryKit(
  { config, store }: { readonly config: SiteConfig; readonly store: string },
  { directory, identity, plainIdentity = false }: RecoveryKitOptions,
  frame: Frame,
): Promise<RecoveryKitSummary> {
  if (plainIdentity && identity === undefined)
    throw new HoldfastError("E_USAGE", "plainIdentity has no effect without an identity");
  return await makeKit({ config, store: path.resolve(store), directory, identity, plainIdentity }, frame);
}
