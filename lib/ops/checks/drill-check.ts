/** What a drill found, check by check. */
import type { CheckState, Problem } from "./check.ts";

/** Ids are part of the evidence's format and stay as they are. */
export type DrillCheckId =
  | "run"
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
  /** All that the commands of the check printed. */
  readonly output?: string;
}

const TITLES: Readonly<Record<DrillCheckId, string>> = {
  run: "run",
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

/** Failed when there are problems; else as told, `ok` by default. */
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
