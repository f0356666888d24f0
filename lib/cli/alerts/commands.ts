/** The verbs of `alerts`, a row each. */
import type { CommandTable } from "../core/table.ts";

export const ALERT_COMMANDS: CommandTable = {
  test: {
    describe: "send a test message to each route, and show how it answers",
    load: async () => (await import("./test.ts")).test,
  },
};
