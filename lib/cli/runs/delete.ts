/** `delete`: removes one run that nothing needs any more. */
import { colors as pc } from "../../report/colors.ts";
import { EXIT } from "../../errors.ts";
import { deleteOne } from "../../api/runs.ts";
import { formatBytes } from "../../report/format.ts";
import { defineCommand } from "../core/command.ts";
import { confirmTyped } from "../core/confirm.ts";
import { BREAK_LOCK, SWITCH, YES } from "../core/options.ts";
import { printJson } from "../core/print-json.ts";
import { siteStoreOf } from "../core/store-path.ts";

export const remove = defineCommand({
  forms: ["RUN --dest DIR"],
  description: "Deletes a run, unless it is the latest, being read, or holds a unit's last good copy.",
  positionals: { run: { type: "string", demandOption: true, describe: "the id of the run" } },
  missing: "list the runs of the store with npx tsx scripts/list.ts",
  options: {
    yes: YES,
    "dry-run": { ...SWITCH, describe: "show what would be deleted; change nothing" },
    "break-lock": BREAK_LOCK,
  },
  async run(flags, frame) {
    const dryRun = flags["dry-run"];
    if (!dryRun && !flags.yes)
      await confirmTyped(
        {
          code: "E_USAGE",
          word: flags.run,
          purpose: "delete it",
          refused: { message: "deleting a run needs confirmation, and there is no terminal", hint: "use --yes" },
          differs: { message: "the typed id differs; nothing was deleted" },
        },
        frame.signal,
      );
    const summary = await deleteOne(
      await siteStoreOf(flags),
      { run: flags.run, dryRun, breakLock: flags["break-lock"] },
      frame,
    );
    const { run, incomplete, freed_bytes } = summary;
    const what = `${incomplete ? "the interrupted run" : "the run"} ${run}, ${formatBytes(freed_bytes)}`;
    if (flags.json) printJson({ message_type: "summary", ...summary });
    else if (!flags.quiet)
      process.stdout.write(
        dryRun ? `would delete ${what}; nothing was changed\n` : `${pc.green("✓")} deleted ${what}\n`,
      );
    return EXIT.ok;
  },
});
