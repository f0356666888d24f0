/** The result of one check of the watch. */
import type { CheckState, Problem } from "../checks/check.ts";

export interface WatchCheck {
  /** Part of the `--json` format. */
  readonly id: "recent_run" | "lock" | "proof" | "signatures";
  readonly title: string;
  readonly state: CheckState;
  readonly figure: string;
  readonly problems: readonly Problem[];
}
