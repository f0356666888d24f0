/** Removes the side files of SQLite databases that a restore replaces. */
import type { BytePath } from "../../../archive/entry.ts";
import { dirname, isBelow, join } from "../../../archive/path.ts";
import { pathExists } from "../../../archive/tree/path-exists.ts";
import { SIDECARS } from "../../../archive/tree/sqlite-file.ts";
import { HoldfastError } from "../../../errors.ts";
import type { Replace } from "../../journals/operations.ts";
import type { SwapPlan } from "./swap-plan.ts";

/** Returns the operations for side files outside of replaced trees: a WAL beside another database would corrupt it. */
export function sidecarRemovals(targets: SwapPlan, databases: readonly BytePath[]): Replace[] {
  return databases
    .flatMap((file) => SIDECARS.map((suffix) => file + suffix))
    .filter((file) => pathExists(file) && !targets.swaps.some(({ live }) => isBelow(file, live)))
    .map((live, index): Replace => {
      const near = targets.swaps.find((swap) => dirname(swap.live) === dirname(live));
      const base = near === undefined ? scratchBase(targets) : dirname(near.aside);
      return { kind: "replace", live, fresh: null, aside: join(base, `sidecar-${index}`), carry: [] };
    });
}

/** Returns a staging directory for files that belong to no target. */
export function scratchBase({ bases: [base] }: SwapPlan): BytePath {
  if (base === undefined) throw new HoldfastError("E_INTERNAL", "a restore without a path");
  return base;
}
