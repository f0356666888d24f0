/**
 * Pins runs: a process that reads a run without the lock writes a file to `<store>/pins`, and the run is not removed
 * while that process lives. As for locks, /proc decides whether it lives, never age.
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
 * Keeps a run from being removed until the returned function is called. Does nothing in a read-only store.
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

/** Removes the pins of processes that were killed. */
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

/** Checks whether a file is an unfinished pin. */
function isOldDraft(file: string): boolean {
  const stats = statSync(file, { throwIfNoEntry: false });
  return path.basename(file).startsWith(".") && stats !== undefined && Date.now() - stats.mtimeMs > DRAFT_MS;
}

/** A time far longer than writing a pin takes. */
const DRAFT_MS = 3_600_000;

/** Lists the readers of a run; one on another host counts until its pin is gone. Pins of dead processes are removed. */
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
