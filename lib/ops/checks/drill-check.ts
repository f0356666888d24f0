/** The results of a drill, check by check. */
import type { CheckState, Problem } from "./check.ts";

/** Ids of checks, which are part of the evidence's format and must not change. */
export type DrillCheckId =
  | "signature"
  | "run"
  | "unchanged"
  | "checksums"
  | "unpack"
  | "load"
  | "trees"
  | "sqlite"
  | "rows"
  | "digests"
  | "migrations"
  | "compilation"
  | "application";

export interface DrillCheck {
  readonly id: DrillCheckId;
  readonly title: string;
  readonly state: CheckState;
  readonly figure: string;
  readonly problems: readonly Problem[];
  /** The complete output of the check's commands. */
  readonly output?: string;
}

const TITLES: Readonly<Record<DrillCheckId, string>> = {
  signature: "signature",
  run: "run",
  unchanged: "unchanged units",
  checksums: "checksums",
  unpack: "unpacking",
  load: "databases loaded",
  trees: "restored trees",
  sqlite: "SQLite files",
  rows: "database rows",
  digests: "table digests",
  migrations: "migrations",
  compilation: "compilation",
  application: "application",
};

/** Returns a check: failed if there are problems, else `otherwise`, `ok` by default. */
export const checkOf = (
  id: DrillCheckId,
  figure: string,
  problems: readonly Problem[] = [],
  otherwise: "ok" | "not proved" = "ok",
): DrillCheck => ({
  id,
  title: TITLES[id],
  state: problems.length > 0 ? "failed" : otherwise,
  figure,
  problems,
});

export const notProved = (id: DrillCheckId, why: string): DrillCheck => checkOf(id, why, [], "not proved");
