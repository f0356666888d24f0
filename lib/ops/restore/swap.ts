/** Performs the operations of a restore, and takes them back. Either way it goes on where an earlier attempt was cut off. */
import { rmSync } from "node:fs";
import type { BytePath } from "../../archive/entry.ts";
import { toBuffer } from "../../archive/path.ts";
import { HoldfastError } from "../../errors.ts";
import type { Journal, Operation } from "./journal.ts";
import { replace, undoReplace } from "./replace.ts";
import type { Servers } from "./servers.ts";

/** Everything into its place. `before` is called ahead of each operation, and may refuse by throwing. */
export async function swapIn(journal: Journal, servers: Servers, before: () => Promise<void>): Promise<void> {
  await journal.update({ swap: "begun", kept: true });
  for (const [index, operation] of journal.document.operations.entries()) {
    await before();
    switch (operation.kind) {
      case "replace":
        await replace(operation);
        break;
      case "exchange": {
        const restorer = await servers.find(operation.unit, operation.url);
        await restorer.exchange(operation.scratch, operation.aside);
        break;
      }
      case "reload": {
        const restorer = await servers.find(operation.unit, operation.url);
        if (!operation.begun) await change(journal, index, { ...operation, begun: true });
        await restorer.reload(operation.dump, PLAIN);
        break;
      }
      case "import": // by whoever read the package, before this
        break;
    }
  }
  await journal.update({ swap: "done" });
}

/** Everything back, in the opposite order. */
export async function swapBack(journal: Journal, servers: Servers): Promise<void> {
  await journal.update({ swap: "undoing" });
  for (const [index, operation] of [...journal.document.operations.entries()].toReversed()) {
    switch (operation.kind) {
      case "replace":
        await undoReplace(operation);
        break;
      case "exchange": {
        const restorer = await servers.find(operation.unit, operation.url);
        await restorer.exchangeBack(operation.scratch, operation.aside);
        break;
      }
      case "reload":
        if (operation.begun) await reloadSafety(journal, index, operation, servers);
        break;
      case "import":
        if (operation.state !== "none") await undoImport(journal, index, operation, servers);
        break;
    }
  }
  await journal.update({ swap: "undone" });
}

async function reloadSafety(
  journal: Journal,
  index: number,
  operation: Extract<Operation, { kind: "reload" }>,
  servers: Servers,
): Promise<void> {
  const restorer = await servers.find(operation.unit, operation.url);
  await restorer.reload(savedBy(operation), PLAIN);
  await change(journal, index, { ...operation, begun: false });
}

function savedBy({ safety, unit }: Extract<Operation, { kind: "reload" | "import" }>): string {
  if (safety !== null) return safety;
  throw new HoldfastError("E_SAFETY", `nothing was saved of what was in ${unit}: it cannot be brought back`, {
    hint: "restore it from another run",
  });
}

/** The database as it was saved takes the place of the one that was imported into. Each time it begins with the dump. */
async function undoImport(
  journal: Journal,
  index: number,
  operation: Extract<Operation, { kind: "import" }>,
  servers: Servers,
): Promise<void> {
  const { unit, url, scratch, aside } = operation;
  const dump = savedBy(operation);
  const restorer = await servers.find(unit, url);
  if (restorer.exchanges) {
    await restorer.drop(aside);
    await restorer.load(dump, scratch, PLAIN);
    await restorer.exchange(scratch, aside);
    await restorer.drop(aside);
  } else await restorer.reload(dump, PLAIN);
  await change(journal, index, { ...operation, state: "none" });
}

const PLAIN = { onBytes: (): void => {}, restoreFlags: [] };

const change = async (journal: Journal, index: number, operation: Operation): Promise<void> =>
  await journal.update({ operations: journal.document.operations.map((one, at) => (at === index ? operation : one)) });

/** Removes what a restore made beside the site: what was replaced, or what did not take its place. */
export async function removeSpares(journal: Journal, servers: Servers): Promise<void> {
  const { bases, scratch_databases, operations } = journal.document;
  for (const base of bases) removeTree(base);
  for (const { unit, url, name } of scratch_databases) await (await servers.find(unit, url)).drop(name);
  for (const operation of operations)
    if (operation.kind === "exchange") await (await servers.find(operation.unit, operation.url)).drop(operation.aside);
}

const removeTree = (path: BytePath): void => rmSync(toBuffer(path), { recursive: true, force: true });
