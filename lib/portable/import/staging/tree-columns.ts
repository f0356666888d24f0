/** Columns of temporary tables that hold ways to rows of trees. */

/** The hash of a way. */
export const PATH_COLUMN = "holdfast_path";
/** That of the way above. */
export const PARENT_PATH_COLUMN = "holdfast_above";
/** The number of a level; roots are 1. */
export const LEVEL_COLUMN = "holdfast_level";
/** The row that was found: what links to it hold. */
export const TARGET_ID_COLUMN = "holdfast_row";
