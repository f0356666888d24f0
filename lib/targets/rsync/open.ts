/** Opens targets that hold the tree of the store: by rsync over ssh, or in a directory of this host. */
import type { DirectoryTargetSettings, RsyncTargetSettings } from "../../config/settings/targets/rsync.ts";
import type { Target, TargetContext } from "../core/target.ts";
import { openPlace } from "./place/address.ts";
import { listEvidence, sendEvidence } from "./evidence.ts";
import { openCache } from "./fetch.ts";
import { probePlace } from "./probe.ts";
import { pruneRuns } from "./prune.ts";
import { pushRun } from "./push.ts";
import { claimRoot } from "./root.ts";
import { openFile, openRun } from "./read.ts";
import { listRuns, type Tree } from "./tree.ts";
import { verifyRun } from "./verify.ts";
import { DOCUMENT } from "../../archive/limits.ts";
import { storeSchema } from "../../model/run.ts";
import { parseDocument } from "../../store/files/json-documents.ts";
import { readAll } from "../core/content.ts";

const STORE_FILE = "store.json";

/** Opens a target; connects to nothing yet. */
export function openTreeTarget(
  name: string,
  settings: RsyncTargetSettings | DirectoryTargetSettings,
  context: TargetContext,
): Target {
  const { signal, onBytes } = context;
  const place = openPlace(settings, signal);
  const transfer = { signal, onBytes, bandwidth: settings.bandwidth_limit };
  const tree = { name, kind: settings.kind, place, context, transfer };
  let claimed: Promise<void> | undefined;
  return targetOf({ ...tree, claim: async () => await (claimed ??= claimRoot(tree)) });
}

function targetOf(tree: Tree): Target {
  const { name, kind, place } = tree;
  const cache = openCache(place, tree.transfer);
  return {
    name,
    kind,
    address: place.address,
    probe: async () => await probePlace(tree),
    runs: async () =>
      [...(await listRuns(tree))].flatMap(([run, { complete }]) => (complete === undefined ? [] : [run])).toSorted(),
    push: async (run) => await pushRun(tree, run),
    storeDocument: async () => {
      const text = await readAll(STORE_FILE, await openFile(cache, STORE_FILE), DOCUMENT.bytes, tree.context.signal);
      return parseDocument(`${STORE_FILE} at ${place.address}`, text.toString("utf8"), storeSchema);
    },
    reader: async (run) => await openRun(tree, cache, run),
    verify: async (run, request) => await verifyRun(tree, cache, run, request),
    prune: async (request) => await pruneRuns(tree, request),
    // Files of a tree have no locks.
    extendLocks: async () => await Promise.resolve(0),
    sendEvidence: async (files) => await sendEvidence(tree, files),
    evidence: async () => await listEvidence(tree),
    readEvidence: async (file) => await openFile(cache, `evidence/${file}`),
    close: async () => {
      await cache.close();
      await place.close();
    },
  };
}
