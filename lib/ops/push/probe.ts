/** Probes a target: finds out what it allows and enforces, and records it. */
import type { SiteConfig } from "../../config/load.ts";
import { findStore } from "../../store/open.ts";
import type { Capabilities } from "../../targets/core/capabilities.ts";
import { openNamed, probeAndRecord, type TargetHooks } from "./open.ts";
import { weakened } from "./promises.ts";

export interface ProbeRequest {
  readonly store: string;
  readonly config: SiteConfig;
  readonly target: string;
}

export interface ProbeOutcome {
  readonly target: string;
  readonly address: string;
  readonly capabilities: Capabilities;
  /** Capabilities that the probe before found, and this one does not. */
  readonly weakened: readonly string[];
}

/** Probes a target and records it in the store. Throws `E_REMOTE` if nothing can be written there. */
export async function probe(
  { store: dest, config, target: name }: ProbeRequest,
  hooks: TargetHooks,
): Promise<ProbeOutcome> {
  const { path: store } = await findStore(dest);
  const { target, known } = await openNamed(name, config, store, hooks);
  try {
    const capabilities = await probeAndRecord(store, target);
    const lost = known === undefined ? [] : weakened(known.capabilities, capabilities);
    return { target: name, address: target.address, capabilities, weakened: lost };
  } finally {
    await target.close();
  }
}
