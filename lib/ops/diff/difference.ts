/** One difference between two states of a site. */
import type { StepName } from "../../model/unit.ts";

export interface Difference {
  readonly kind: "unit" | "file" | "table" | "migration" | "setting";
  readonly change: "added" | "removed" | "changed";
  readonly step: StepName;
  readonly unit: string;
  /** The file, table, migration or setting; null for a unit. */
  readonly name: string | null;
  /** Bytes of a unit or file, rows of a table; null where there is no figure. */
  readonly was: number | null;
  readonly now: number | null;
  /** What of it changed: content, size, time, type, rows, digest; empty if it was added or removed. */
  readonly what: string;
}
