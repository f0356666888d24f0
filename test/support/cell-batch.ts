/** The rows of a batch as drivers return them. */
import type { CellBatch } from "../../lib/portable/engine/cell-batch.ts";
import type { Cell } from "../../lib/portable/engine/session.ts";

export const rowsOf = (batch: CellBatch): Cell[][] => Array.from({ length: batch.rows }, (_, row) => batch.row(row));
