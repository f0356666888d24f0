/** The state of an in-place restore, derived from its journal alone, and the commands that each state allows. */
import type { JournalDocument } from "./operations.ts";

/**
 * The states.
 * - `staging`: nothing of the site has been replaced.
 * - `swapping`: some or all of it has been replaced; the restore can be finished or rolled back.
 * - `importing`: the import of a package is not known to be committed; the restore can only be rolled back.
 * - `irreversible`: a database was overwritten and no dump of it was saved; the restore can only be finished.
 * - `completed`: the restore is complete, and what it replaced is kept.
 * - `confirming`: what it replaced is being removed.
 * - `rolling_back`: what it replaced is being put back.
 * - `ended`: nothing is left to do.
 */
export type RestoreState =
  | "staging"
  | "swapping"
  | "importing"
  | "irreversible"
  | "completed"
  | "confirming"
  | "rolling_back"
  | "ended";

export type EndCommand = "confirm" | "rollback" | "recover";

/** `finish` continues to the end, `undo` puts back what was replaced, `remove` deletes what was replaced. */
export type EndAction = "finish" | "undo" | "remove";

export interface StateRules {
  /** The allowed commands, each with its action. */
  readonly commands: Readonly<Partial<Record<EndCommand, EndAction>>>;
  /** True if a backup may run: the site is entirely old or entirely new. */
  readonly backup: boolean;
  /** True if another in-place restore, or a reinit, may begin. */
  readonly begin: boolean;
}

export const RESTORE_RULES: Readonly<Record<RestoreState, StateRules>> = {
  staging: { commands: { rollback: "undo", recover: "undo" }, backup: true, begin: false },
  swapping: { commands: { rollback: "undo", recover: "finish" }, backup: false, begin: false },
  importing: { commands: { rollback: "undo", recover: "undo" }, backup: false, begin: false },
  irreversible: { commands: { recover: "finish" }, backup: false, begin: false },
  completed: { commands: { confirm: "remove", rollback: "undo" }, backup: true, begin: false },
  confirming: { commands: { confirm: "remove", recover: "remove" }, backup: true, begin: false },
  rolling_back: { commands: { rollback: "undo", recover: "undo" }, backup: false, begin: false },
  ended: { commands: {}, backup: true, begin: true },
};

type Recorded = Pick<JournalDocument, "phase" | "swap" | "kept" | "operations">;

const ENDS: ReadonlySet<string> = new Set(["completed", "failed", "rolled_back"]);

export function stateOf({ phase, swap, kept, operations }: Recorded): RestoreState {
  const isOver = ENDS.has(phase);
  if (isOver && !kept) return "ended";
  if (phase === "confirming") return "confirming";
  if (phase === "rolling_back" || swap === "undoing" || swap === "undone") return "rolling_back";
  if (isOver) return "completed";
  if (swap === "none") return "staging";
  if (operations.some(isImporting)) return "importing";
  return isReversible({ operations }) ? "swapping" : "irreversible";
}

type Operation = Recorded["operations"][number];

const isImporting = (one: Operation): boolean =>
  one.kind === "import" && (one.state === "none" || (one.state === "begun" && one.safety !== null));

/** Checks that every overwritten database was dumped first or was empty. */
export const isReversible = ({ operations }: Pick<Recorded, "operations">): boolean =>
  operations.every((one) => {
    if (one.kind === "reload") return !one.begun || one.safety !== null || one.empty;
    return one.kind !== "import" || one.state === "none" || one.safety !== null;
  });

/** Returns the hint of a rejected command: the commands that the state allows, as typed. */
export function hintOf(state: RestoreState, restore: string): string {
  switch (state) {
    case "staging":
    case "importing":
    case "rolling_back":
      return `npx tsx scripts/restore.ts --recover ${restore} puts everything back`;
    case "swapping":
      return `npx tsx scripts/restore.ts --recover ${restore} finishes it; --rollback ${restore} puts everything back`;
    case "irreversible":
    case "confirming":
      return `npx tsx scripts/restore.ts --recover ${restore} finishes it`;
    case "completed":
      return `npx tsx scripts/restore.ts --confirm ${restore} to keep it, or --rollback ${restore}`;
    case "ended":
      return "it keeps nothing; restore another run with npx tsx scripts/restore.ts --in-place --run RUN";
  }
}
