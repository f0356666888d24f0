/**
 * Pins: a process that reads a run without the lock says so in `<store>/pins`, and nothing removes the run while that process lives.
 * Which pins count is judged as locks are, by what /proc says and never by age.
 */
import { randomUUID } from "node:crypto";
import { readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { createFileAtomic } from "../files/atomic.ts";
import { formatJson } from "../files/json-documents.ts";
import { livenessOf, ownerOfThisProcess, ownerSchema, type LockOwner } from "./process-owner.ts";

const pinSchema = z.object({ run: z.string(), owner: ownerSchema });

const pinsDirectory = (store: string): string => path.join(store, "pins");

/**
 * Keeps a run from being removed until the function that it gives is called. On a store that cannot be written to there is nothing to fear and
 * nothing is done.
 */
export async function pinRun(store: string, run: string, command: string): Promise<() => void> {
  sweepPins(store);
  const token = randomUUID();
  const file = path.join(pinsDirectory(store), `${run}-${process.pid}-${token.slice(0, 8)}.json`);
  try {
    await createFileAtomic(file, formatJson({ run, owner: ownerOfThisProcess(command, token) }), { mode: 0o640 });
  } catch {
    return () => {};
  }
  return () => rmSync(file, { force: true });
}

/** Removes the pins of processes that were killed before they could. */
export function sweepPins(store: string): void {
  for (const name of pinNames(store)) {
    const file = path.join(pinsDirectory(store), name);
    try {
      const owner = readPin(file);
      if (owner === undefined ? isOldDraft(file) : livenessOf(owner) === "dead") rmSync(file, { force: true });
    } catch {
      return; // a store that cannot be written to
    }
  }
}

/** Returns whether a file is the beginning of a pin that was never finished. */
function isOldDraft(file: string): boolean {
  const stats = statSync(file, { throwIfNoEntry: false });
  return path.basename(file).startsWith(".") && stats !== undefined && Date.now() - stats.mtimeMs > DRAFT_MS;
}

/** Far longer than a pin takes to be written. */
const DRAFT_MS = 3_600_000;

/** Who reads a run right now; a reader on another host counts until its pin is gone. With the lock held, pins of the dead are removed. */
export function listReaders(store: string, run: string): LockOwner[] {
  const readers: LockOwner[] = [];
  for (const name of pinNames(store).filter((one) => one.startsWith(`${run}-`))) {
    const file = path.join(pinsDirectory(store), name);
    const owner = readPin(file);
    if (owner !== undefined && livenessOf(owner) !== "dead") readers.push(owner);
    else rmSync(file, { force: true });
  }
  return readers;
}

function pinNames(store: string): string[] {
  try {
    return readdirSync(pinsDirectory(store));
  } catch {
    return []; // a store that has never had one
  }
}

function readPin(file: string): LockOwner | undefined {
  try {
    return pinSchema.parse(JSON.parse(readFileSync(file, "utf8"))).owner;
  } catch {
    return undefined; // cut off by a crash, or its reader has just ended
  }
}
