/** Opens targets over a store of small runs, as the commands do. */
import type { TargetSettings } from "../../../lib/config/settings/targets/target.ts";
import type { Capabilities } from "../../../lib/targets/core/capabilities.ts";
import type { Target } from "../../../lib/targets/core/target.ts";
import { openTarget } from "../../../lib/targets/registry.ts";

export interface CountedTarget {
  readonly target: Target;
  /** Bytes of content that were sent or read. */
  readonly bytes: () => number;
}

/** Opens a target; probes it first unless capabilities are given. */
export async function openProbed(
  settings: TargetSettings,
  store: string,
  { capabilities, signal = new AbortController().signal }: { capabilities?: Capabilities; signal?: AbortSignal } = {},
): Promise<CountedTarget> {
  let bytes = 0;
  const context = {
    signal,
    store,
    site: "test",
    root: store,
    capabilities,
    onBytes: (count: number) => void (bytes += count),
    onNote: () => {},
  };
  const target = await openTarget("cellar", settings, context);
  if (capabilities === undefined) await target.probe();
  bytes = 0;
  return { target, bytes: () => bytes };
}
