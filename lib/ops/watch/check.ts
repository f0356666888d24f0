/** The result of one check of the watch. */
import type { CheckState, Problem } from "../checks/check.ts";

export interface WatchCheck {
  /** Part of the `--json` format. */
  readonly id: "recent_run" | "lock" | "proof";
  readonly title: string;
  readonly state: CheckState;
  readonly figure: string;
  readonly problems: readonly Problem[];
}

export const HOUR_MS = 3_600_000;

/** Formats an age: `3 h`, `9 days`. */
export function formatAge(ms: number): string {
  const hours = Math.max(0, Math.floor(ms / HOUR_MS));
  return hours < 72 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}
