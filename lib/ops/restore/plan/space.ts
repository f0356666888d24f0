/** The disk space that a restore needs, and the size of what it replaces. */
import { lstatSync, statfsSync, statSync } from "node:fs";
import type { BytePath } from "../../../archive/entry.ts";
import { dirname, display, isBelow, toBuffer } from "../../../archive/path.ts";
import { walk } from "../../../archive/tree/walk.ts";
import { HoldfastError } from "../../../errors.ts";
import { formatBytes } from "../../../report/format.ts";
import type { RestorePlan } from "./restore-plan.ts";
import { pathExists } from "../../../archive/tree/path-exists.ts";

/** Throws `E_NO_SPACE` if a disk lacks space for what is unpacked on it. */
export function checkSpace(plan: RestorePlan): void {
  const needs = new Map<number, { needed: number; at: BytePath }>();
  const need = (into: BytePath, bytes: number): void => {
    const base = plan.targets.bases.find((one) => into === one || isBelow(into, one)) ?? into;
    const at = existing(dirname(base));
    const { dev } = statSync(toBuffer(at));
    needs.set(dev, { at, needed: (needs.get(dev)?.needed ?? 0) + bytes });
  };
  let unpacked = 0;
  for (const { label, bytes, targets } of plan.unpacks) {
    // Only the total size of a unit is recorded, so it is divided equally among its archives and their targets.
    const parts = plan.unpacks.filter((other) => other.label === label).length;
    for (const { into } of targets) need(into, bytes / parts / targets.length);
    unpacked += bytes / parts;
  }
  const [first] = plan.copies;
  if (first !== undefined) need(first.to, Math.max(0, plan.bytes - unpacked));
  for (const { at, needed } of needs.values()) {
    const { bavail, bsize } = statfsSync(toBuffer(at));
    const free = bavail * bsize;
    if (free >= needed) continue;
    throw new HoldfastError(
      "E_NO_SPACE",
      `${display(at)} needs ${formatBytes(Math.round(needed))} to unpack to, but has ${formatBytes(free)} free`,
      { hint: "free some space there, or restore a part with --step or --unit" },
    );
  }
}

const existing = (place: BytePath): BytePath => (pathExists(place) ? place : existing(dirname(place)));

/** Counts the bytes and files that a restore would replace. */
export function measureReplaced(plan: RestorePlan): { path: string; files: number; bytes: number }[] {
  return plan.operations.flatMap(({ live }) => {
    if (!pathExists(live)) return [];
    const itself = lstatSync(toBuffer(live));
    if (!itself.isDirectory()) return [{ path: display(live), files: 1, bytes: itself.size }];
    let [files, bytes] = [0, 0];
    for (const entry of walk(live, { onError: () => {} })) {
      if (entry.type !== "file") continue;
      files++;
      bytes += entry.size;
    }
    return [{ path: display(live), files, bytes }];
  });
}
