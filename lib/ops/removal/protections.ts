/** Finds what forbids the removal of a run, whatever asks for it: the links, pins, readers and journals of the store. */
import { describeOwner } from "../../store/lock/process-owner.ts";
import { listReaders } from "../../store/lock/pins.ts";
import { findLatest } from "../../store/run/publish.ts";
import { ReinitJournal } from "../journals/reinit-journal.ts";
import { assertReadable, pendingRestores } from "../journals/restore-journal.ts";
import { hintOf, RESTORE_RULES, stateOf } from "../journals/restore-state.ts";
import { latestRun } from "../runs/find-run.ts";
import { pinOf } from "./pinned.ts";

/** Why a run must stay. */
export interface Protection {
  /** One or two words: `latest`, `pinned`. */
  readonly kind: string;
  /** What is said of the run: `is the latest`, `is pinned: before the move`. */
  readonly text: string;
  readonly hint?: string;
}

/**
 * Returns a function that lists the protections of a run as the store is now. A protection of another sort is a line
 * of its list. Throws `E_VERIFY` for an unreadable journal of a restore or reinit, which might need any run.
 */
export function readProtections(store: string): (run: string) => Protection[] {
  assertReadable(store);
  const latest = [latestRun(store), findLatest(store)];
  const restores = pendingRestores(store).map((restore) => ({ ...restore, state: stateOf(restore) }));
  const reinit = ReinitJournal.pending(store)?.record.safety_run;
  return (run) => [
    ...(latest.includes(run)
      ? [{ kind: "latest", text: "is the latest", hint: "make a newer full backup first" }]
      : []),
    ...pinned(store, run),
    ...listReaders(store, run).map((reader) => ({
      kind: "in use",
      text: `is being read by ${describeOwner(reader)}`,
      hint: "wait until it has ended",
    })),
    ...restores.flatMap((one): Protection[] => {
      const isUsed = one.run === run && RESTORE_RULES[one.state].commands.recover === "finish";
      if (one.safety_run !== run && !isUsed) return [];
      const why = isUsed ? "being restored by" : "needed to roll back";
      const hint = hintOf(one.state, one.restore);
      return [{ kind: "pending restore", text: `is ${why} the restore ${one.restore}`, hint }];
    }),
    ...(reinit === run
      ? [
          {
            kind: "pending reinit",
            text: "is needed to roll back an interrupted reinit",
            hint: "end the reinit with npx tsx scripts/reinit.ts --recover",
          },
        ]
      : []),
  ];
}

function pinned(store: string, run: string): Protection[] {
  const reason = pinOf(store, run);
  if (reason === undefined) return [];
  return [{ kind: "pinned", text: `is pinned: ${reason}`, hint: `npx tsx scripts/unpin.ts ${run} releases it` }];
}

const UNITS_NAMED = 5;

/** Describes the protection of a run that holds the last good copy of units. */
export function lastCopyOf(units: readonly string[]): Protection {
  const more = units.length > UNITS_NAMED ? ` and ${units.length - UNITS_NAMED} more` : "";
  return { kind: "last copy", text: `holds the last good copy of ${units.slice(0, UNITS_NAMED).join(", ")}${more}` };
}
