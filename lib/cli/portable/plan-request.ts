/** Turns the flags that select tables into a request for a plan. */
import { planRequestOf } from "../../portable/plan/configured.ts";
import type { PlanRequest } from "../../portable/plan/run.ts";
import { parseList } from "../core/arguments.ts";
import { configOf, type DatabaseFlags } from "./database.ts";
import { setOf } from "./table-set.ts";

type Given = string | string[] | undefined;

interface SelectionFlags extends DatabaseFlags {
  readonly models?: Given;
  readonly component?: Given;
  readonly exclude?: Given;
  readonly set?: Given;
}

/** Returns the request for the flags and the config. Throws `E_CONFIG`, `E_USAGE`. */
export function selectionOf(flags: SelectionFlags): PlanRequest {
  const refine = configOf(flags)?.portable;
  const set = setOf(flags, refine);
  const own = planRequestOf(refine);
  return {
    ...own,
    models: set?.tables ?? parseList("models", flags.models),
    ...(set && { set }),
    components: parseList("component", flags.component),
    exclude: [...parseList("exclude", flags.exclude), ...own.exclude],
  };
}
