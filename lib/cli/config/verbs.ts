/** The verbs of `config`, a row each. */
import type { CommandTable } from "../core/table.ts";

export const CONFIG_COMMANDS: CommandTable = {
  check: {
    describe: "check a config and the paths that it names",
    load: async () => (await import("./check.ts")).check,
  },
  show: {
    describe: "show the resolved config, without its secrets",
    load: async () => (await import("./show.ts")).show,
  },
};
