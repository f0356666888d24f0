/**
 * Swaps a tree or file, forward and back. The existing paths show its progress: each part is one rename, and a second
 * call after a crash continues where the first stopped.
 */
import { mkdirSync, renameSync, statSync, utimesSync } from "node:fs";
import type { BytePath } from "../../../archive/entry.ts";
import { dirname, display, join, toBuffer } from "../../../archive/path.ts";
import { TreeHandles } from "../../../archive/tree/handles.ts";
import { fileTime } from "../../../archive/unpack/directories.ts";
import { HoldfastError } from "../../../errors.ts";
import { fsyncDirectory } from "../../../store/files/atomic.ts";
import { noSteps, type OnStep } from "../../journals/on-step.ts";
import type { Replace } from "../../journals/operations.ts";
import { pathExists } from "../../../archive/tree/path-exists.ts";

/** Moves `live` to `aside` and `fresh` to `live`. Throws `E_TARGET` if a path cannot be moved. */
export async function replace({ live, fresh, aside, carry }: Replace, step: OnStep = noSteps): Promise<void> {
  const move = mover(step);
  if (fresh === null) {
    if (pathExists(live) && !pathExists(aside)) move(live, aside);
  } else if (pathExists(fresh)) {
    for (const path of carry) {
      if (!pathExists(join(live, path)) || pathExists(join(fresh, path))) continue;
      step({ action: "make", object: display(dirname(join(fresh, path))) });
      mkdirSync(toBuffer(dirname(join(fresh, path))), { recursive: true });
      move(join(live, path), join(fresh, path));
    }
    if (pathExists(live) && !pathExists(aside)) move(live, aside);
    if (pathExists(live))
      throw new HoldfastError("E_TARGET", `${display(live)} was created again while it was being replaced`);
    move(fresh, live);
  }
  await settle(live, aside);
}

/** Moves `live` back to `fresh`, and `aside` back to `live`. Throws `E_TARGET` if a path cannot be moved. */
export async function undoReplace({ live, fresh, aside, carry }: Replace, step: OnStep = noSteps): Promise<void> {
  const move = mover(step);
  if (fresh !== null && !pathExists(fresh) && pathExists(live)) move(live, fresh);
  for (const path of carry) {
    const home = pathExists(aside) ? aside : live;
    if (fresh === null || !pathExists(join(fresh, path)) || pathExists(join(home, path)) || !pathExists(home)) continue;
    move(join(fresh, path), join(home, path));
  }
  if (pathExists(aside)) {
    if (pathExists(live))
      throw new HoldfastError("E_TARGET", `${display(live)} was created again while it was being put back`);
    move(aside, live);
  }
  await settle(live, aside);
}

/** Returns a rename that preserves the times of both parent directories. */
const mover =
  (step: OnStep) =>
  (from: BytePath, to: BytePath): void => {
    step({ action: "move", object: `${display(from)} ${display(to)}` });
    rename(from, to);
  };

/** Renames without following a link in either directory: one may have been placed there since the plan was made. */
function rename(from: BytePath, to: BytePath): void {
  const [source, target] = [new TreeHandles("/"), new TreeHandles("/")];
  try {
    const paths = [source.locate(from.slice(1)), target.locate(to.slice(1))] as const;
    const parents = [source.current, target.current].map((path) => ({ path, stats: statSync(path, { bigint: true }) }));
    renameSync(toBuffer(paths[0]), toBuffer(paths[1]));
    for (const { path, stats } of parents) utimesSync(path, fileTime(stats.atimeNs), fileTime(stats.mtimeNs));
  } catch (error) {
    throw new HoldfastError("E_TARGET", `${display(from)} cannot be moved to ${display(to)}`, { cause: error });
  } finally {
    source.close();
    target.close();
  }
}

async function settle(...paths: readonly BytePath[]): Promise<void> {
  for (const directory of new Set(paths.map(dirname)))
    if (pathExists(directory)) await fsyncDirectory(toBuffer(directory));
}
