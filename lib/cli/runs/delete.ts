/** `delete`: removes one run that nothing needs any more. */
import { colors as pc } from "../../report/colors.ts";
import { EXIT, HoldfastError } from "../../errors.ts";
import { deleteRun } from "../../ops/runs/delete.ts";
import { formatBytes } from "../../report/format.ts";
import { ask } from "../core/confirm.ts";
import { commandLine } from "../core/arguments.ts";
import { argumentOf, storeCommand } from "../core/store-command.ts";

export async function deleteCommand(): Promise<void> {
  await storeCommand(
    (argv) => {
      const flags = commandLine(
        "delete",
        "$0 RUN --dest DIR\n\nDeletes a run, unless it is the latest, being read, or holds a unit's last good copy.",
      )
        .strict(false)
        .strictOptions()
        .option("yes", { type: "boolean", default: false, describe: "do not ask" })
        .option("dry-run", { type: "boolean", default: false, describe: "show what would be deleted; change nothing" })
        .option("break-lock", { type: "boolean", default: false, describe: "take over a lock held from another host" })
        .parseSync([...argv]);
      const run = argumentOf(flags._);
      if (run === undefined)
        throw new HoldfastError("E_USAGE", "delete: missing argument RUN", {
          hint: "list the runs of the store with npx tsx scripts/list.ts",
        });
      return { ...flags, run };
    },
    async (flags, store, frame) => {
      const request = { store, run: flags.run, dryRun: flags["dry-run"], breakLock: flags["break-lock"] };
      if (!request.dryRun && !flags.yes) await confirm(flags.run, frame.signal);
      const { run, incomplete, freed_bytes } = await deleteRun(request, frame);
      const what = `${incomplete ? "the interrupted run" : "the run"} ${run}, ${formatBytes(freed_bytes)}`;
      if (flags.json)
        process.stdout.write(
          `${JSON.stringify({ message_type: "summary", run, incomplete, freed_bytes, dry_run: request.dryRun })}\n`,
        );
      else if (!flags.quiet)
        process.stdout.write(
          request.dryRun ? `would delete ${what}; nothing was changed\n` : `${pc.green("✓")} deleted ${what}\n`,
        );
      return EXIT.ok;
    },
  );
}

/** Asks for the run's id. Throws `E_USAGE` without a terminal, or if another text is typed. */
async function confirm(run: string, signal: AbortSignal): Promise<void> {
  if (!process.stdin.isTTY)
    throw new HoldfastError("E_USAGE", "deleting a run needs confirmation, and there is no terminal", {
      hint: "use --yes",
    });
  if ((await ask(`Type ${run} to delete it: `, signal)) !== run)
    throw new HoldfastError("E_USAGE", "the typed id differs; nothing was deleted");
}
