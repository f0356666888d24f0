/** The environment variable by which a script learns that it runs as a step of a run. */

/** Holds the path of the run's plan. */
export const PLAN_VARIABLE = "HOLDFAST_RUN_PLAN";
