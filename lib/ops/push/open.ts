/** Opens a target of the config, with what its last probe found. */
import type { SiteConfig } from "../../config/load.ts";
import type { TargetSettings } from "../../config/settings/targets/target.ts";
import { HoldfastError } from "../../errors.ts";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { printable } from "../../report/printable.ts";
import { tryReadDocument, writeDocumentAtomic } from "../../store/files/json-documents.ts";
import {
  targetDocumentSchema,
  targetFile,
  type Capabilities,
  type TargetDocument,
} from "../../targets/core/capabilities.ts";
import type { Target } from "../../targets/core/target.ts";
import { openTarget } from "../../targets/registry.ts";

export interface TargetHooks {
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
  readonly onNote: (text: string) => void;
}

/** A target, and what its last probe found of this place; undefined before the first. */
export interface OpenedTarget {
  readonly target: Target;
  readonly known: TargetDocument | undefined;
}

/** Opens a target by its name in the config. Throws `E_USAGE` for a name that it does not have, `E_CONFIG`. */
export async function openNamed(
  name: string,
  config: SiteConfig,
  store: string,
  hooks: TargetHooks,
): Promise<OpenedTarget> {
  const settings = targetSettings(name, config);
  const common = { ...hooks, store, site: config.site, root: config.root };
  const document = tryReadDocument(targetFile(store, name), targetDocumentSchema);
  const target = await openTarget(name, settings, { ...common, capabilities: document?.capabilities });
  if (document === undefined || document.address === target.address) return { target, known: document };
  // The name stood for another place then.
  await target.close();
  return { target: await openTarget(name, settings, { ...common, capabilities: undefined }), known: undefined };
}

/** Returns the settings of a target. Throws `E_USAGE` for a name that the config does not have. */
export function targetSettings(name: string, { targets, file }: SiteConfig): TargetSettings {
  const settings = Object.hasOwn(targets, name) ? targets[name] : undefined;
  if (settings !== undefined) return settings;
  const names = Object.keys(targets);
  throw new HoldfastError("E_USAGE", `the config has no target ${printable(name)}`, {
    hint: names.length === 0 ? `describe it under targets in ${file}` : `the targets are ${names.join(", ")}`,
  });
}

/** Probes a target and records what it found. Throws `E_REMOTE`. */
export async function probeAndRecord(store: string, target: Target): Promise<Capabilities> {
  const capabilities = await target.probe();
  const document: TargetDocument = {
    format: "holdfast-target",
    format_version: FORMAT_VERSION,
    target: target.name,
    kind: target.kind,
    address: target.address,
    probed_at: new Date().toISOString(),
    capabilities,
  };
  await writeDocumentAtomic(targetFile(store, target.name), document);
  return capabilities;
}
