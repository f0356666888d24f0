/** Removes runs of a target, where the account has a shell or the target is a directory. */
import { HoldfastError } from "../../errors.ts";
import { repairLinks } from "../../store/run/publish.ts";
import { SUMS_FILE } from "../../store/run/checksums.ts";
import type { PruneRequest, PruneResult } from "../core/target.ts";
import { listItems } from "./listing.ts";
import { listRuns, type Tree } from "./tree.ts";

/** A directory of a run that is being removed; what a crash left of one goes with the next removal. */
const GOING = ".gone-";

/** Prunes a target, as `Target.prune` promises it. */
export async function pruneRuns(tree: Tree, { remove, dryRun }: PruneRequest): Promise<PruneResult> {
  const { place } = tree;
  const hands = await place.hands();
  if (hands === undefined)
    throw new HoldfastError("E_REMOTE", `${place.address}: the account cannot remove runs`, {
      hint: "prune there with an account that has a shell, from another machine than the site's",
    });
  const found = await listRuns(tree);
  const left = (await listItems(place, "runs", ["--exclude=/*/*"], tree.transfer)) ?? [];
  const leftovers = left.flatMap((item) => (item.path.startsWith(GOING) ? `runs/${item.path.slice(0, -1)}` : []));
  const runs = remove.filter((run) => found.get(run)?.complete !== undefined);
  const directories: string[] = [];
  const staying: string[] = [];
  for (const [run, { complete, attempts }] of found) {
    const goes = runs.includes(run);
    if (complete !== undefined) (goes ? directories : staying).push(`runs/${complete}`);
    // Of a run that is still being sent they are needed.
    (complete === undefined ? staying : directories).push(...attempts.map((name) => `runs/${name}`));
  }
  const going = [...directories, ...leftovers];
  const bytes = await hands.bytesOf(going, staying);
  if (!dryRun) {
    for (const directory of directories) {
      // First it is no run any more: a crash leaves a whole run or none.
      const gone = directory.replace("runs/", `runs/${GOING}`);
      await hands.remove([gone]);
      await hands.rename(directory, gone);
      await hands.remove([`${gone}/${SUMS_FILE}`]);
    }
    if (place.directory !== undefined) await repairLinks(place.directory);
    await hands.remove([...leftovers, ...directories.map((directory) => directory.replace("runs/", `runs/${GOING}`))]);
  }
  return { runs, objects: 0, bytes, kept: [] };
}
