/** Reads the extended attributes of the trees that are about to be archived, a few programs for all units of a step. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { readXattrs, type TreeXattrs } from "../../../archive/xattrs/read.ts";
import { asHoldfastError } from "../../../errors.ts";
import type { StepName } from "../../../model/unit.ts";
import type { StepContext } from "../../../steps/core/context.ts";
import type { UnitPlan } from "../../../steps/core/unit-plan.ts";

export class UnitXattrs {
  readonly #context: StepContext;
  /** True once the run has said that attributes are not kept. */
  #failed = false;

  constructor(context: StepContext) {
    this.#context = context;
  }

  /** Returns the plans with the attributes of their trees. */
  async addTo(step: StepName, plans: readonly UnitPlan[]): Promise<UnitPlan[]> {
    const roots = [...new Set(plans.flatMap((plan) => plan.roots ?? []))];
    if (roots.length === 0 || this.#failed) return [...plans];
    const readMs = Date.now();
    const trees = new Map((await this.#read(step, roots)).map((tree) => [tree.root, tree]));
    return plans.map((plan) => ({
      ...plan,
      xattrs: { readMs, trees: (plan.roots ?? []).flatMap((root) => trees.get(root) ?? []) },
    }));
  }

  async #read(step: StepName, roots: readonly string[]): Promise<TreeXattrs[]> {
    const { copies, signal, report } = this.#context;
    const directory = path.join(copies, `xattrs-${step}`);
    mkdirSync(directory, { recursive: true });
    const warn = (text: string): void => report({ type: "note", level: "warning", text });
    try {
      return await readXattrs(roots, directory, { signal, warn });
    } catch (error) {
      signal.throwIfAborted();
      if (!this.#failed)
        warn(`extended attributes and ACLs are not kept: ${asHoldfastError(error).message}; install the package attr`);
      this.#failed = true;
      return [];
    }
  }
}
