/** The verbs of `anomaly`. */
import type { CommandTable } from "../core/table.ts";

export const ANOMALY_COMMANDS = {
  list: {
    describe: "list the anomalies of the runs",
    load: async () => (await import("./list.ts")).listCommand,
  },
  accept: {
    describe: "accept anomalies of a run",
    load: async () => (await import("./accept.ts")).acceptCommand,
  },
} satisfies CommandTable;
