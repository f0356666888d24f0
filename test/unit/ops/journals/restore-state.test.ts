import { describe, expect, test } from "vitest";
import type { JournalDocument } from "../../../../lib/ops/journals/operations.ts";
import {
  hintOf,
  isReversible,
  RESTORE_RULES,
  stateOf,
  type RestoreState,
} from "../../../../lib/ops/journals/restore-state.ts";

type Recorded = Parameters<typeof stateOf>[0];

const base: Recorded = { phase: "restoring", swap: "none", kept: false, operations: [] };
const urls = { unit: "main", url: "mysql://localhost/main" };
const reload = (safety: string | null, begun: boolean, empty = false): Recorded["operations"][number] => ({
  kind: "reload",
  ...urls,
  dump: "dump",
  safety,
  begun,
  empty,
});
const imported = (
  state: "none" | "begun" | "committed",
  safety: string | null,
): JournalDocument["operations"][number] => ({
  kind: "import",
  ...urls,
  safety,
  scratch: "new",
  aside: "old",
  state,
});

describe("the state of a restore", () => {
  test.each<[string, Partial<Recorded>, RestoreState]>([
    ["before the swap", { phase: "validating" }, "staging"],
    ["while the safety run is made", { phase: "pre_backup" }, "staging"],
    ["in the swap", { swap: "begun", kept: true }, "swapping"],
    ["after the swap", { swap: "done", kept: true }, "swapping"],
    ["in the migrations", { phase: "migrating", swap: "done", kept: true }, "swapping"],
    ["at its end", { phase: "completed", swap: "done", kept: true }, "completed"],
    ["while it is confirmed", { phase: "confirming", swap: "done", kept: true }, "confirming"],
    ["confirmed", { phase: "completed", swap: "done" }, "ended"],
    ["while it is rolled back", { phase: "rolling_back", swap: "undoing", kept: true }, "rolling_back"],
    ["rolled back, with its spares still there", { phase: "rolling_back", swap: "undone", kept: true }, "rolling_back"],
    ["while staging is removed", { phase: "rolling_back" }, "rolling_back"],
    ["rolled back", { phase: "rolled_back", swap: "undone" }, "ended"],
    ["failed before the swap", { phase: "failed" }, "ended"],
    // As versions before the phase `rolling_back` left it.
    ["completed, cut off in the rollback", { phase: "completed", swap: "undoing", kept: true }, "rolling_back"],
    ["completed, cut off after the rollback", { phase: "completed", swap: "undone", kept: true }, "rolling_back"],
    ["failed, cut off in the rollback", { phase: "restoring", swap: "undoing", kept: true }, "rolling_back"],
    ["a dump being loaded over a saved one", { swap: "begun", operations: [reload("safety", true)] }, "swapping"],
    ["a dump being loaded over nothing", { swap: "begun", operations: [reload(null, true, true)] }, "swapping"],
    ["a dump being loaded over one not saved", { swap: "begun", operations: [reload(null, true)] }, "irreversible"],
    ["a dump not yet loaded over one not saved", { swap: "begun", operations: [reload(null, false)] }, "swapping"],
    ["an import before its commit", { swap: "done", operations: [imported("none", "safety")] }, "importing"],
    ["an import in its commit", { swap: "done", operations: [imported("begun", "safety")] }, "importing"],
    ["an import not saved, in its commit", { swap: "done", operations: [imported("begun", null)] }, "irreversible"],
    ["an import committed", { swap: "done", operations: [imported("committed", "safety")] }, "swapping"],
  ])("%s", (_when, recorded, state) => {
    expect(stateOf({ ...base, ...recorded })).toBe(state);
  });
});

describe("the rules", () => {
  const states = Object.keys(RESTORE_RULES) as RestoreState[];

  test("every state but the end has a command that leads on, and its hint names one", () => {
    for (const state of states) {
      const commands = Object.keys(RESTORE_RULES[state].commands);
      expect(commands.length > 0, state).toBe(state !== "ended");
      const hint = hintOf(state, "ID");
      if (state !== "ended")
        expect(
          commands.some((one) => hint.includes(`--${one} ID`)),
          state,
        ).toBe(true);
      for (const [, named] of hint.matchAll(/--(confirm|rollback|recover)/g)) expect(commands).toContain(named);
    }
  });

  test("only a completed restore, and one that is being confirmed, may be confirmed", () => {
    expect(states.filter((state) => RESTORE_RULES[state].commands.confirm !== undefined)).toEqual([
      "completed",
      "confirming",
    ]);
  });

  test("what is being removed is never put back, and what is being put back is never finished", () => {
    expect(Object.values(RESTORE_RULES.confirming.commands)).toEqual(["remove", "remove"]);
    expect(Object.values(RESTORE_RULES.rolling_back.commands)).toEqual(["undo", "undo"]);
  });

  test("nothing new begins before the end, and no backup while the site may be half old", () => {
    expect(states.filter((state) => RESTORE_RULES[state].begin)).toEqual(["ended"]);
    expect(states.filter((state) => !RESTORE_RULES[state].backup)).toEqual([
      "swapping",
      "importing",
      "irreversible",
      "rolling_back",
    ]);
  });
});

test.each([
  ["nothing", [], true],
  ["a saved database", [reload("safety", true)], true],
  ["a database that was empty", [reload(null, true, true)], true],
  ["a database not saved", [reload(null, true)], false],
  ["a database not saved, not yet overwritten", [reload(null, false)], true],
  ["an import not saved", [imported("committed", null)], false],
] as const)("%s can be brought back: %#", (_what, operations, expected) => {
  expect(isReversible({ operations: [...operations] })).toBe(expected);
});
