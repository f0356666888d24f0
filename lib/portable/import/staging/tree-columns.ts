/** Columns of temporary tables that hold ways to rows of trees. */

/** The hash of a way. */
export const PATH = "holdfast_path";
/** That of the way above. */
export const ABOVE = "holdfast_above";
/** The number of a level; roots are 1. */
export const LEVEL = "holdfast_level";
/** The row that was found: what links to it hold. */
export const ROW = "holdfast_row";
