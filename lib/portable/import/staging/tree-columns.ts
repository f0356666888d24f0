/** Columns of temporary tables that hold paths to rows of trees. */

/** The hash of a path. */
export const PATH_COLUMN = "holdfast_path";
/** The hash of the path above. */
export const PARENT_PATH_COLUMN = "holdfast_above";
/** The level of a row; roots are 1. */
export const LEVEL_COLUMN = "holdfast_level";
/** The id of the row that a path resolves to, which references to it hold. */
export const TARGET_ID_COLUMN = "holdfast_row";
