/** The commands that back up one step alone: a row for each row of the table of steps. */
import { STEP_NAMES } from "../../model/unit.ts";
import { STEPS } from "../../steps/registry.ts";
import type { CommandTable } from "../core/table.ts";

export const STEP_COMMANDS: CommandTable = Object.fromEntries(
  STEP_NAMES.map((step) => {
    const { title: describe, script } = STEPS[step];
    return [step, { describe, script, load: async () => (await import("./command.ts")).backupStep(step, script) }];
  }),
);
