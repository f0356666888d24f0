/** Commands that read a store, or with `--from` the store on a target. */
import { printWarning } from "../../report/warning.ts";
import type { ContentSource } from "../../ops/runs/content-source.ts";
import { lastValue } from "./arguments.ts";
import { TEXT } from "./options.ts";
import { requireSiteConfig } from "./site-config.ts";
import { storeOf } from "./store-path.ts";

type Given = string | string[] | undefined;

export const FROM = { ...TEXT, describe: "read the store on this target of the config" } as const;

/** The store of a command: a directory, and what brings the artifacts that it lacks. */
export interface ReadStore {
  readonly store: string;
  readonly content?: ContentSource;
}

/** Runs `work` with the store of the flags. */
export async function withStore<T>(
  flags: { readonly config?: Given; readonly dest?: Given; readonly from?: Given },
  { signal }: { readonly signal: AbortSignal },
  work: (store: ReadStore) => Promise<T>,
): Promise<T> {
  const from = lastValue(flags.from);
  if (from === undefined) return await work({ store: storeOf(flags) });
  const { openRemote } = await import("../../api/site.ts");
  const remote = await openRemote(requireSiteConfig(lastValue(flags.config)), from, {
    signal,
    onWarning: printWarning,
  });
  try {
    const result = await work({ store: remote.path, content: remote });
    await remote.sendEvidence();
    return result;
  } finally {
    await remote.close();
  }
}
