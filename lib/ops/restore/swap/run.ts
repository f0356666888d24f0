/** Runs the operations of a restore, and undoes them. Both continue where an earlier attempt was interrupted. */
import { display } from "../../../archive/path.ts";
import { removeTree } from "../../../archive/tree/remove.ts";
import { HoldfastError } from "../../../errors.ts";
import type { Journal } from "../../journals/restore-journal.ts";
import type { Operation } from "../../journals/operations.ts";
import { replace, undoReplace } from "./replace-tree.ts";
import type { RestorerPool } from "./restorer-pool.ts";
import { isReversible } from "../../journals/restore-state.ts";

type Reload = Extract<Operation, { kind: "reload" }>;
type Import = Extract<Operation, { kind: "import" }>;

/** Swaps everything restored into place. `before` is called ahead of each operation and may throw to stop. */
export async function swapIn(journal: Journal, servers: RestorerPool, before: () => Promise<void>): Promise<void> {
  await journal.update({ swap: "begun", kept: true });
  for (const [index, operation] of journal.document.operations.entries()) {
    await before();
    switch (operation.kind) {
      case "replace":
        await replace(operation, journal.step);
        break;
      case "exchange": {
        const restorer = await servers.find(operation.unit, operation.url);
        journal.step({ action: "database", object: `exchange ${operation.unit}` });
        await restorer.exchange(operation.scratch, operation.aside);
        break;
      }
      case "reload": {
        const restorer = await servers.find(operation.unit, operation.url);
        if (!operation.begun) await change(journal, index, { ...operation, begun: true });
        journal.step({ action: "database", object: `load ${operation.unit}` });
        await restorer.reload(operation.dump, PLAIN);
        break;
      }
      case "import": // done by the restore of the package itself
        break;
    }
  }
  await journal.update({ swap: "done" });
}

/**
 * Prepares for `swapBack` without changing the site: loads the safety dumps of imported databases beside them. Throws
 * `E_SAFETY` if a database cannot be restored, and the error of the server.
 */
export async function prepareSwapBack(journal: Journal, servers: RestorerPool): Promise<void> {
  const { operations, scratch_databases } = journal.document;
  if (!isReversible(journal.document)) throw notReversible(operations);
  for (const operation of operations) {
    if (operation.kind !== "import" || operation.state === "none") continue;
    const { unit, url, scratch, aside, safety } = operation;
    const restorer = await servers.find(unit, url);
    if (!restorer.exchanges || safety === null) continue;
    if (!scratch_databases.some(({ name }) => name === scratch))
      await journal.update({ scratch_databases: [...scratch_databases, { unit, url, name: scratch }] });
    journal.step({ action: "database", object: `load ${scratch}` });
    await restorer.drop(aside);
    await restorer.load(safety, scratch, PLAIN);
  }
}

function notReversible(operations: readonly Operation[]): HoldfastError {
  const lost = operations.find((one) => !isReversible({ operations: [one] }));
  const unit = lost !== undefined && "unit" in lost ? lost.unit : "the database";
  return new HoldfastError("E_SAFETY", `no dump of the previous content of ${unit} was saved: it cannot be restored`, {
    hint: "restore it from another run: npx tsx scripts/restore.ts --in-place --run RUN --unit UNIT",
  });
}

/** Undoes the operations in reverse order; call `prepareSwapBack` first. */
export async function swapBack(journal: Journal, servers: RestorerPool): Promise<void> {
  if (journal.document.swap !== "undoing") await journal.update({ swap: "undoing" });
  for (const [index, operation] of [...journal.document.operations.entries()].toReversed()) {
    switch (operation.kind) {
      case "replace":
        await undoReplace(operation, journal.step);
        break;
      case "exchange": {
        const restorer = await servers.find(operation.unit, operation.url);
        journal.step({ action: "database", object: `exchange back ${operation.unit}` });
        await restorer.exchangeBack(operation.scratch, operation.aside);
        break;
      }
      case "reload":
        if (operation.begun) await undoReload(journal, index, operation, servers);
        break;
      case "import":
        if (operation.state !== "none") await undoImport(journal, index, operation, servers);
        break;
    }
  }
  await journal.update({ swap: "undone" });
}

async function undoReload(journal: Journal, index: number, operation: Reload, servers: RestorerPool): Promise<void> {
  const restorer = await servers.find(operation.unit, operation.url);
  journal.step({ action: "database", object: `load back ${operation.unit}` });
  await restorer.reload(operation.safety, PLAIN);
  await change(journal, index, { ...operation, begun: false });
}

/** Exchanges the imported database for the one that `prepareSwapBack` loaded. */
async function undoImport(journal: Journal, index: number, operation: Import, servers: RestorerPool): Promise<void> {
  const { unit, url, safety, scratch, aside } = operation;
  const restorer = await servers.find(unit, url);
  journal.step({ action: "database", object: `exchange back ${unit}` });
  if (restorer.exchanges) {
    await restorer.exchange(scratch, aside);
    journal.step({ action: "database", object: `drop ${aside}` });
    await restorer.drop(aside);
  } else await restorer.reload(safety, PLAIN);
  await change(journal, index, { ...operation, state: "none" });
}

const PLAIN = { onBytes: (): void => {}, restoreFlags: [] };

const change = async (journal: Journal, index: number, operation: Operation): Promise<void> =>
  await journal.update({ operations: journal.document.operations.map((one, at) => (at === index ? operation : one)) });

/** Removes the directories and databases that a restore made beside the site, with the previous content they keep. */
export async function removeTemporaries(journal: Journal, servers: RestorerPool): Promise<void> {
  const { bases, scratch_databases, operations } = journal.document;
  for (const base of bases) {
    journal.step({ action: "remove", object: display(base) });
    removeTree(base);
  }
  const asides = operations.flatMap((one) =>
    one.kind === "exchange" ? [{ unit: one.unit, url: one.url, name: one.aside }] : [],
  );
  for (const { unit, url, name } of [...scratch_databases, ...asides]) {
    const restorer = await servers.find(unit, url);
    journal.step({ action: "database", object: `drop ${name}` });
    await restorer.drop(name);
  }
}
