/**
 * Lists of entries beside an archive, in walk order, one JSON document a line: so that one file can be found without
 * reading the archive, and so that the next run can tell what has changed.
 */
import { createHash } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import * as z from "zod";
import type { BytePath, Entry } from "./entry.ts";
import { HoldfastError } from "../errors.ts";
import { MOST_LINE, parseJson } from "./limits.ts";
import { readLines } from "./files/lines.ts";
import { fromString, isUtf8, toBuffer } from "./path.ts";

const lineSchema = z.object({
  /** UTF-8 text; else `path_b64`. */
  path: z.string().optional(),
  path_b64: z.string().optional(),
  type: z.string(),
  size: z.number(),
  mtime: z.string(),
  sha256: z.string().nullable(),
  /** Digest of the entry as `lstat` saw it; null if it had just changed, so that it counts as changed next time. */
  id: z.string().nullable(),
});

export interface ListedEntry {
  readonly path: BytePath;
  readonly type: string;
  readonly size: number;
  /** RFC 3339. */
  readonly mtime: string;
  readonly sha256: string | null;
  readonly id: string | null;
}

/** Time stamps this close to the beginning of a walk may hide a later change. */
const RACY_NS = 2_000_000_000n;
const BATCH = 64 * 1024;

/** Returns the digest of an entry's state: everything of `lstat` but its name. */
export function entryId(entry: Entry): string {
  const { type, mode, uid, gid, size, mtimeNs, ctimeNs, ino, nlink, target } = entry;
  const state = [type, mode, uid, gid, size, mtimeNs, ctimeNs, ino, nlink, target].join("\0");
  return createHash("sha256").update(state, "latin1").digest("hex").slice(0, 32);
}

/** Writes a list. `startedMs` is from before the first entry was looked at. */
export class EntryListWriter {
  readonly #file: number;
  readonly #racyFrom: bigint;
  #pending = "";

  constructor(file: string, startedMs: number) {
    this.#file = openSync(file, "w", 0o640);
    this.#racyFrom = BigInt(Math.floor(startedMs)) * 1_000_000n - RACY_NS;
  }

  add(entry: Entry, size: number, sha256: string | null): void {
    // An mtime in the future was set explicitly: it would prevent reuse for ever, and the ctime shows when it was set.
    const isFuture = entry.mtimeNs > BigInt(Date.now()) * 1_000_000n + RACY_NS;
    const racy = entry.ctimeNs >= this.#racyFrom || (entry.mtimeNs >= this.#racyFrom && !isFuture);
    const line = {
      ...pathFields(entry.path),
      type: entry.type,
      size,
      mtime: new Date(Number(entry.mtimeNs / 1_000_000n)).toISOString(),
      sha256,
      id: racy ? null : entryId(entry),
    };
    this.#pending += `${JSON.stringify(line)}\n`;
    if (this.#pending.length >= BATCH) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    writeSync(this.#file, this.#pending);
    this.#pending = "";
  }
}

const pathFields = (path: BytePath): { path: string } | { path_b64: string } =>
  isUtf8(path) ? { path: toBuffer(path).toString("utf8") } : { path_b64: toBuffer(path).toString("base64") };

/** Reads a list line by line; memory is that of one line. Throws `E_ARCHIVE` when a line is not what it should be. */
export function* readEntryList(file: string): Generator<ListedEntry> {
  for (const line of readLines(file, MOST_LINE, "E_ARCHIVE")) {
    const { path, path_b64, type, size, mtime, sha256, id } = parsed(line, file);
    yield {
      path: path === undefined ? Buffer.from(path_b64 ?? "", "base64").toString("latin1") : fromString(path),
      type,
      size,
      mtime,
      sha256,
      id,
    };
  }
}

function parsed(line: string, file: string): z.infer<typeof lineSchema> {
  try {
    return lineSchema.parse(parseJson(line));
  } catch (error) {
    throw new HoldfastError("E_ARCHIVE", `${file} has a line that is not an entry`, { cause: error });
  }
}
