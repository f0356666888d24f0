/**
 * Verifies that a journal is what its restore wrote. The store may belong to a user with fewer rights than the one who
 * restores, so the operations are sealed in the staging directories, which only the latter may enter; a later command
 * runs no others.
 */
import { createHash } from "node:crypto";
import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import path from "node:path";
import type { BytePath } from "../../archive/entry.ts";
import { TreeHandles } from "../../archive/tree/handles.ts";
import { basename, display, fromString, isBelow, join, toBuffer } from "../../archive/path.ts";
import { RESTORE_PREFIX } from "../../archive/tree/walk.ts";
import { isOurs } from "../../database/access/private-directory.ts";
import { HoldfastError } from "../../errors.ts";
import type { JournalDocument, Operation } from "./operations.ts";
import { pathExists } from "../../archive/tree/path-exists.ts";

const SEAL = "seal";
const WRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;

/** Writes the seal of the operations into each staging directory. */
export function writeSeals({ bases, operations }: Pick<JournalDocument, "bases" | "operations">): void {
  const seal = sealOf(operations);
  for (const base of bases)
    atHandle(join(base, SEAL), (file) => {
      const handle = openSync(file, WRITE, 0o600);
      try {
        writeSync(handle, seal);
      } finally {
        closeSync(handle);
      }
    });
}

export interface CheckOptions {
  /** True if files will be moved into the site: the seals are compared. */
  readonly moves: boolean;
  /** Checks whether the config or the operator names a unit's database, the only evidence without a seal. */
  readonly isNamed: (unit: string, url: string) => boolean;
}

/** Throws `E_VERIFY` for a journal with a directory, move, database or file that its restore cannot have made. */
export function checkJournal(store: string, document: JournalDocument, { moves, isNamed }: CheckOptions): void {
  const { restore: id, package: isPackage, bases, operations, scratch_databases } = document;
  const reject = (what: string): never => {
    throw new HoldfastError("E_VERIFY", `the journal of the restore ${id} was modified: ${what}`, {
      hint: `check who can write to ${store}/restores; repair the site manually from ${RESTORE_PREFIX}${id} beside it`,
    });
  };
  for (const base of bases) {
    const name = basename(base);
    if (name !== RESTORE_PREFIX + id && !(isPackage && name.startsWith(`${RESTORE_PREFIX}${id}-`)))
      reject(`${display(base)} is not one of its staging directories`);
    if (pathExists(base) && !isOurs(toBuffer(base))) reject(`${display(base)} belongs to another user or process`);
  }
  const names = scratch_databases.map(({ name }) => name);
  for (const operation of operations) {
    if ("scratch" in operation) names.push(operation.scratch, operation.aside);
    if (operation.kind === "replace") {
      for (const place of [operation.fresh ?? operation.aside, operation.aside])
        if (!bases.some((base) => isBelow(place, base))) reject(`${display(place)} is in no staging directory`);
    }
    for (const dump of dumpsOf(operation))
      if (!isBelow(fromString(path.resolve(dump)), fromString(store))) reject(`${dump} is not in the store`);
  }
  for (const name of names) if (!name.toLowerCase().includes(id.toLowerCase())) reject(`the database ${name}`);
  if (!moves || operations.length === 0) return;
  if (bases.length > 0 && !isSealed(document)) reject("the seal of its operations differs or is missing");
  for (const one of operations)
    if (bases.length === 0 && "url" in one && !isNamed(one.unit, one.url))
      throw new HoldfastError("E_CONFIG", `the restore ${id} was of another database: ${one.url}`, {
        hint: "give the config with --config, or the database with --database",
      });
}

const dumpsOf = (operation: Operation): string[] => [
  ...(operation.kind === "reload" ? [operation.dump] : []),
  ...("safety" in operation && operation.safety !== null ? [operation.safety] : []),
];

function isSealed({ bases, operations }: JournalDocument): boolean {
  const seals = bases.flatMap((base): string[] => {
    try {
      return [atHandle(join(base, SEAL), (file) => readFileSync(file, "utf8"))];
    } catch {
      return []; // the base was removed
    }
  });
  return seals.length > 0 && seals.every((seal) => seal === sealOf(operations));
}

function sealOf(operations: readonly Operation[]): string {
  // Without the fields that change during the restore.
  const lasting = operations.map((one) => ({ ...one, begun: undefined, state: undefined }));
  return createHash("sha256").update(JSON.stringify(lasting)).digest("hex");
}

/** Calls a function with a handle-based location of a file, reached without following a link. */
function atHandle<T>(file: BytePath, work: (location: Buffer) => T): T {
  const handles = new TreeHandles("/");
  try {
    return work(toBuffer(handles.locate(file.slice(1))));
  } finally {
    handles.close();
  }
}
