/** Finishes a reinit whose transaction is committed, or puts everything back. */
import { existsSync } from "node:fs";
import type { SiteConfig } from "../../config/load.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import type { Report } from "../../model/event.ts";
import { planReinit, rowsToClear } from "../../portable/reinit/plan.ts";
import { service, workingDirectory } from "../site/commands.ts";
import { databaseOf, rulesOf, using } from "./connection.ts";
import type { ReinitJournal } from "../journals/reinit-journal.ts";
import { moveBack } from "./storage.ts";
import { reimportClearedRows, differences } from "./roll-back.ts";

/** Creates the administrator, unless that was done, and starts the service. */
export async function finish(journal: ReinitJournal, config: SiteConfig, signal: AbortSignal): Promise<void> {
  if (journal.record.phase !== "finishing") {
    if (journal.record.phase !== "cleared") await journal.enter("cleared");
    journal.step({ action: "command", object: "administrator" });
    await makeAdmin(config, signal);
    await journal.enter("finishing");
  }
  journal.step({ action: "command", object: "start" });
  await service(config, "start", signal);
  await journal.enter("completed");
}

async function makeAdmin(config: SiteConfig, signal: AbortSignal): Promise<void> {
  const argv = config.portable?.reinit?.admin_command;
  if (argv === undefined) return;
  await runCommand([...config.exec_prefix, ...argv], { signal, cwd: workingDirectory(config) });
}

/**
 * Puts everything back. Returns the error to throw: the failure itself if everything is as it was before, else
 * `E_PENDING`.
 */
export async function takeBack(
  journal: ReinitJournal,
  config: SiteConfig,
  report: Report,
  failure: unknown,
): Promise<unknown> {
  // The signal that ended the reinit must not end its rollback.
  const { signal } = new AbortController();
  const note = (text: string): void => report({ type: "note", level: "warning", text });
  try {
    // Once the rows are back they are not imported again: the service may have written since.
    if (journal.record.phase !== "undone" && (await hasCommitted(journal, config, signal))) {
      await journal.enter("undoing");
      journal.step({ action: "database", object: "undo" });
      if (existsSync(journal.kept)) await undo(journal, config, signal, note);
      await journal.enter("undone");
    }
    for (const place of await moveBack(journal.record.moves, journal.step))
      note(`files written in the meantime are kept in ${place}`);
    journal.step({ action: "command", object: "start" });
    await service(config, "start", signal).catch((error: unknown) =>
      note(`the service does not start: ${asHoldfastError(error).message}`),
    );
    await journal.enter("taken back");
    return failure;
  } catch (second) {
    const [first, then] = [asHoldfastError(failure).message, asHoldfastError(second).message];
    const { safety_run } = journal.record;
    return new HoldfastError("E_PENDING", `the reinit failed (${first}), and so did its rollback: ${then}`, {
      hint: `correct the cause, then npx tsx scripts/reinit.ts --recover; the safety backup is ${safety_run}`,
      cause: second,
    });
  }
}

async function undo(
  { kept }: ReinitJournal,
  config: SiteConfig,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<void> {
  const database = databaseOf(config);
  await using(
    config,
    database,
    "write",
    signal,
    async (on) => await reimportClearedRows(on, rulesOf(config), kept, signal),
  );
  for (const text of await using(config, database, "read", signal, async (on) => await differences(on, kept, signal)))
    note(text);
}

/**
 * Checks whether the clearing was committed. In the phase `committing` the database shows it: either nearly all rows to
 * clear exist, or nearly none.
 */
export async function hasCommitted(
  { record }: ReinitJournal,
  config: SiteConfig,
  signal: AbortSignal,
): Promise<boolean> {
  if (record.phase === "clearing") return false;
  if (record.phase !== "committing") return true;
  const plan = await using(
    config,
    databaseOf(config),
    "read",
    signal,
    async (on) => await planReinit(on, rulesOf(config)),
  );
  return rowsToClear(plan) * 2 < record.rows;
}
