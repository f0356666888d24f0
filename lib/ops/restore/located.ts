/** `--path`: the archives of a run that hold one file or directory of the site. */
import { HoldfastError } from "../../errors.ts";
import type { PlanOptions } from "./plan.ts";

export async function locate(_run: string, place: string): Promise<NonNullable<PlanOptions["located"]>> {
  throw new HoldfastError("E_RUN_UNKNOWN", `the run holds no ${place}`);
}
