/** The interface of a step: it plans its units in the orchestrator and builds them in a process of its own. */
import type { KnownXattrs } from "../../archive/xattrs/known.ts";
import type { SiteConfig } from "../../config/load.ts";
import type { StepName } from "../../model/unit.ts";
import { throwIfRunEnds, type StepContext } from "./context.ts";
import type { StepRecord } from "./record.ts";
import type { TreeWalker } from "./tree-walker.ts";
import type { BuiltUnit, UnitPlan } from "./unit-plan.ts";
import type { StepWorkers } from "./workers.ts";

/** What a step plans with. */
export interface PlanTools {
  /** Takes the count of expected units, and the failures of what cannot be planned. */
  readonly record: StepRecord;
  /** Walks trees in threads. */
  readonly walker: TreeWalker;
  /** Takes a planned unit. */
  readonly add: (plan: UnitPlan) => Promise<void>;
  /**
   * Plans items side by side and takes their units in the order of the items. What `plan` throws goes to `fail`, except
   * what ends the run.
   */
  readonly addEach: <Item>(
    items: readonly Item[],
    plan: (item: Item) => Promise<readonly UnitPlan[]>,
    fail: (item: Item, error: unknown) => Promise<void> | void,
  ) => Promise<void>;
}

/**
 * Returns the `addEach` that plans with a walker and hands each unit to `take`. An error that ends the run is thrown;
 * any other goes to `fail`.
 */
export const addEachWith =
  (walker: TreeWalker, context: StepContext, take: (plan: UnitPlan) => Promise<void>): PlanTools["addEach"] =>
  async (items, planOf, fail) => {
    const planned = async (item: (typeof items)[number]): Promise<readonly UnitPlan[]> => {
      try {
        return await planOf(item);
      } catch (error) {
        throwIfRunEnds(context, error);
        await fail(item, error);
        return [];
      }
    };
    await walker.each(items, planned, async (plans) => {
      for (const plan of plans) await take(plan);
    });
  };

/** What a step builds with. */
export interface BuildTools {
  readonly workers: StepWorkers;
  /** The extended attributes of the unit's trees. */
  readonly xattrs?: KnownXattrs;
  /** Called with the bytes of input read so far. */
  readonly onBytes: (bytes: number) => void;
}

/** One part of a site. */
export interface Step {
  readonly name: StepName;
  /** True where the units depend on links that the other steps come across: it is planned after them. */
  readonly plannedLast?: boolean;
  /** The number of units that may be built at the same time; all workers where it is not given. */
  readonly atOnce?: number;
  /** Checks whether the config has the step. */
  isConfigured(config: SiteConfig): boolean;
  /** The unit names (and other names for them, such as a project's slug) that `--only` and `--skip` may use. */
  names(context: StepContext): Promise<readonly string[]>;
  /** Adds every selected unit, with its fingerprint. Writes nothing except into the scratch directory. */
  plan(context: StepContext, tools: PlanTools): Promise<void>;
  /** Builds a unit from the request in its plan, in the process of the step. Throws the unit's failure. */
  build(context: StepContext, request: unknown, tools: BuildTools): Promise<BuiltUnit>;
}
