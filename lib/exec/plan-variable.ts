/** How a sub-script learns that it is one. */

/** The variable that tells it which run it works for: the path of the run's plan. */
export const PLAN_VARIABLE = "HOLDFAST_RUN_PLAN";
