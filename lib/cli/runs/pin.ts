/** `pin` and `unpin`: keep a run whatever the retention policy says, and release it. */
import { EXIT } from "../../errors.ts";
import { pinRun, unpinRun } from "../../api/runs.ts";
import { colors as pc } from "../../report/colors.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { TEXT } from "../core/options.ts";
import { printJson } from "../core/print-json.ts";
import { siteStoreOf, storeOf } from "../core/store-path.ts";

const RUN = { run: { type: "string", demandOption: true, describe: "an id, latest or last" } } as const;
const MISSING = "list the runs of the store with npx tsx scripts/list.ts";

export const pinCommand = defineCommand({
  forms: ["RUN --dest DIR [--reason TEXT]"],
  description: "Pins a run: neither prune nor delete removes it until it is released.",
  positionals: RUN,
  missing: MISSING,
  options: { reason: { ...TEXT, describe: "why it is kept" } },
  async run(flags, frame) {
    const options = { run: flags.run, reason: lastValue(flags.reason) };
    const pinned = await pinRun(await siteStoreOf(flags), options, frame);
    if (flags.json) printJson({ message_type: "summary", ...pinned });
    else if (!flags.quiet) process.stdout.write(`${pc.green("✓")} pinned the run ${pinned.run}\n`);
    return EXIT.ok;
  },
});

export const unpinCommand = defineCommand({
  forms: ["RUN --dest DIR"],
  description: "Releases a run that was pinned.",
  positionals: RUN,
  missing: MISSING,
  options: {},
  async run(flags) {
    const { run } = await unpinRun(storeOf(flags), { run: flags.run });
    if (flags.json) printJson({ message_type: "summary", run });
    else if (!flags.quiet) process.stdout.write(`${pc.green("✓")} released the run ${run}\n`);
    return EXIT.ok;
  },
});
