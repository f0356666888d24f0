/** Pins of runs, which no command removes. */
import { pin, unpin } from "../ops/removal/pinned.ts";

export interface PinOptions {
  /** An id, `latest` or `last`. */
  readonly run: string;
  readonly reason?: string | undefined;
}

export interface PinSummary {
  readonly run: string;
  readonly reason: string | null;
  readonly by: string;
  readonly at: string;
}

/** Pins a run. Throws `E_STORE`, `E_RUN_UNKNOWN`. */
export async function pinRun(store: string, options: PinOptions): Promise<PinSummary> {
  const { run, reason, by, at } = await pin(store, options.run, options.reason ?? null);
  return { run, reason, by, at };
}

/** Releases a run that was pinned. Throws `E_STORE`, `E_RUN_UNKNOWN`, `E_USAGE` for a run that is not pinned. */
export const unpinRun = async (store: string, { run }: Pick<PinOptions, "run">): Promise<{ readonly run: string }> => ({
  run: await unpin(store, run),
});
