/**
 * One swap of files, forward and back. What has been done of it is told by what is where: each half is one rename, and calling it again after a
 * crash goes on where it stopped.
 */
import { mkdirSync, renameSync, statSync, utimesSync } from "node:fs";
import type { BytePath } from "../../archive/entry.ts";
import { display, join, toBuffer } from "../../archive/path.ts";
import { fileTime } from "../../archive/unpack-writer.ts";
import { HoldfastError } from "../../errors.ts";
import { fsyncDirectory } from "../../store/atomic.ts";
import type { Operation } from "./journal.ts";
import { dirname, isThere } from "./targets.ts";

export type Replace = Extract<Operation, { kind: "replace" }>;

/** Puts the new in the place of the old, which goes aside. */
export async function replace({ live, fresh, aside, carry }: Replace): Promise<void> {
  if (fresh === null) {
    if (isThere(live) && !isThere(aside)) move(live, aside);
  } else if (isThere(fresh)) {
    for (const path of carry) {
      if (!isThere(join(live, path)) || isThere(join(fresh, path))) continue;
      mkdirSync(toBuffer(dirname(join(fresh, path))), { recursive: true });
      move(join(live, path), join(fresh, path));
    }
    if (isThere(live) && !isThere(aside)) move(live, aside);
    if (isThere(live)) throw new HoldfastError("E_TARGET", `${display(live)} is there again while it is replaced`);
    move(fresh, live);
  }
  await settle(live, aside);
}

/** Puts the old back in its place. */
export async function undoReplace({ live, fresh, aside, carry }: Replace): Promise<void> {
  if (fresh !== null && !isThere(fresh) && isThere(live)) move(live, fresh);
  for (const path of carry) {
    const home = isThere(aside) ? aside : live;
    if (fresh === null || !isThere(join(fresh, path)) || isThere(join(home, path)) || !isThere(home)) continue;
    move(join(fresh, path), join(home, path));
  }
  if (isThere(aside)) {
    if (isThere(live)) throw new HoldfastError("E_TARGET", `${display(live)} is there again while it is put back`);
    move(aside, live);
  }
  await settle(live, aside);
}

/** The directory that holds a place keeps its time: what is in it is what was in it, as far as anybody can tell. */
function move(from: BytePath, to: BytePath): void {
  const parents = [dirname(from), dirname(to)].map((parent) => ({
    bytes: toBuffer(parent),
    stats: statSync(toBuffer(parent), { bigint: true }),
  }));
  try {
    renameSync(toBuffer(from), toBuffer(to));
    for (const { bytes, stats } of parents) utimesSync(bytes, fileTime(stats.atimeNs), fileTime(stats.mtimeNs));
  } catch (error) {
    throw new HoldfastError("E_TARGET", `${display(from)} cannot be moved to ${display(to)}`, { cause: error });
  }
}

async function settle(...paths: readonly BytePath[]): Promise<void> {
  for (const directory of new Set(paths.map(dirname)))
    if (isThere(directory)) await fsyncDirectory(toBuffer(directory));
}
