/** The worker thread that walks trees for planning: nothing of a site is opened in it. */
import { serveTasks } from "../archive/pool.ts";
import { HoldfastError } from "../errors.ts";
import { bundleWalk } from "./compiled/plan.ts";
import { archiveWalk } from "./core/archive-walk.ts";
import type { WalkTask } from "./core/tree-walker.ts";
import { shardWalk } from "./layers/layout.ts";

const WALKS = [archiveWalk, bundleWalk, shardWalk];

serveTasks<WalkTask, unknown>(async ({ kind, request }) => {
  const found = WALKS.find((one) => one.kind === kind);
  if (found === undefined) throw new HoldfastError("E_INTERNAL", `there is no walk ${kind}`);
  return found.walk(request as never);
});
