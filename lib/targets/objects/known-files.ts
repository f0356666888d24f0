/** Artifacts of a run that a target already has: by receipts, and by HEAD or LIST where they are allowed. */
import type { LocalFile } from "../core/local-run.ts";
import type { ReceivedFile } from "../core/receipt.ts";
import { objectKey, OBJECTS_PREFIX } from "./keys.ts";
import { allows, listed, receiptsOf, type Layout } from "./layout.ts";

/** Artifacts that need not be sent, by key, and keys whose content is not known. */
export interface KnownFiles {
  readonly received: ReadonlyMap<string, ReceivedFile>;
  readonly unknown: ReadonlySet<string>;
}

/** Finds the known artifacts; `journal` has those of a push that was cut. */
export async function findKnownFiles(
  artifacts: readonly LocalFile[],
  journal: readonly ReceivedFile[],
  layout: Layout,
): Promise<KnownFiles> {
  const needed = new Set(artifacts.map(({ sha256, path }) => objectKey(sha256, path)));
  const acknowledged = new Map(
    [...receiptsOf(layout).flatMap(({ files }) => files), ...journal]
      .filter(({ key }) => needed.has(key))
      .map((file) => [file.key, file]),
  );
  if (allows(layout, "can_list")) return await confirmByList(needed, acknowledged, layout);
  if (!allows(layout, "can_read")) return { received: acknowledged, unknown: new Set() };
  const received = new Map<string, ReceivedFile>();
  for (const [key, file] of acknowledged) {
    const facts = await layout.objects.has(key, file.version_id ?? undefined);
    if (facts?.size === file.size_bytes) received.set(key, file);
  }
  return { received, unknown: new Set() };
}

async function confirmByList(
  needed: ReadonlySet<string>,
  acknowledged: ReadonlyMap<string, ReceivedFile>,
  layout: Layout,
): Promise<KnownFiles> {
  const there = await listed(layout, OBJECTS_PREFIX);
  const received = new Map([...acknowledged].filter(([key, { size_bytes }]) => there.get(key)?.size === size_bytes));
  return { received, unknown: new Set([...there.keys()].filter((key) => needed.has(key) && !received.has(key))) };
}
