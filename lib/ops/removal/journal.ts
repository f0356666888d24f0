/** The journal of removed runs, `evidence/prune.jsonl`: what was removed, why, and by whom. */
import { closeSync, fstatSync, fsyncSync, mkdirSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import * as z from "zod";
import { userName } from "../../store/writable.ts";

export interface RemovalEntry {
  readonly run: string;
  /** True for a run that was never published. */
  readonly incomplete: boolean;
  readonly why: string;
  /** The command: `prune`, `delete` or `backup_all`. */
  readonly command: string;
}

/**
 * Appends a line for each run, durably. It is written before the runs are removed, so that none is ever gone without
 * one; after a kill the next attempt writes another.
 */
export function recordRemovals(store: string, entries: readonly RemovalEntry[]): void {
  const file = journalOf(store);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o750 });
  const [at, by, host] = [new Date().toISOString(), userName(), hostname()];
  const lines = entries.map((entry) => `${JSON.stringify({ at, ...entry, by, host })}\n`).join("");
  const descriptor = openSync(file, "a+", 0o640);
  try {
    writeFileSync(descriptor, `${endsInLine(descriptor) ? "" : "\n"}${lines}`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Checks that no write was cut off at the end of the file. */
function endsInLine(descriptor: number): boolean {
  const { size } = fstatSync(descriptor);
  const last = Buffer.alloc(1);
  return size === 0 || (readSync(descriptor, last, 0, 1, size - 1) === 1 && last.toString() === "\n");
}

const removedSchema = z.object({ run: z.string(), incomplete: z.boolean() });

/** Returns the runs that were removed from the store on purpose, as far as its journal can be read. */
export function removedRuns(store: string): Set<string> {
  let text: string;
  try {
    text = readFileSync(journalOf(store), "utf8");
  } catch {
    return new Set(); // nothing was removed yet
  }
  return new Set(
    text.split("\n").flatMap((line) => {
      const entry = removedSchema.safeParse(parsed(line));
      return entry.success && !entry.data.incomplete ? [entry.data.run] : [];
    }),
  );
}

/** Returns the value of a line; undefined for one that a crash cut off. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const journalOf = (store: string): string => path.join(store, "evidence", "prune.jsonl");
