/**
 * The journal of removed runs, `evidence/prune.jsonl`: what was removed, why, and by whom. Each line has the digest of
 * the one before, and `prune.jsonl.sig` signs all of it.
 */
import { createHash } from "node:crypto";
import { closeSync, existsSync, fsyncSync, lstatSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import * as z from "zod";
import { MOST_LIST, parseJson } from "../../archive/limits.ts";
import { readRegular } from "../../archive/files/regular-file.ts";
import type { Signing } from "../../config/settings/signing.ts";
import { HoldfastError } from "../../errors.ts";
import { writeFileAtomic } from "../../store/files/atomic.ts";
import { listIncomplete, listRuns } from "../../store/files/layout.ts";
import { checkSignature, sign } from "../../store/signing/ssh-keygen.ts";
import { userName } from "../../store/writable.ts";

export interface RemovalEntry {
  readonly run: string;
  /** True for a run that was never published. */
  readonly incomplete: boolean;
  readonly why: string;
  /** The command: `prune`, `delete` or `backup_all`. */
  readonly command: string;
}

const lineSchema = z.object({ at: z.iso.datetime(), run: z.string(), previous: z.string().nullable().optional() });

const journalFile = (store: string): string => path.join(store, "evidence", "prune.jsonl");
const signatureFile = (store: string): string => `${journalFile(store)}.sig`;

/**
 * Appends a line for each run, durably. It is written before the runs are removed, so that none is ever gone without
 * one; after a kill the next attempt writes another. With a key the whole file is signed anew. Throws `E_SIGNATURE` if
 * what is there was altered, `E_SIGNING`.
 */
export async function recordRemovals(
  store: string,
  entries: readonly RemovalEntry[],
  signing: Signing | undefined,
  signal: AbortSignal,
): Promise<void> {
  const file = journalFile(store);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o750 });
  const before = existsSync(file) ? readRegular(file, MOST_LIST, "E_VERIFY") : Buffer.alloc(0);
  const isSigned = lstatSync(signatureFile(store), { throwIfNoEntry: false }) !== undefined;
  if (isSigned && signing?.key === undefined)
    throw new HoldfastError("E_SIGNING", `${file} is signed, and no key is configured to sign it anew`, {
      hint: "give the config of the site with --config: its section signing names the key",
    });
  if (isSigned) {
    const { fault } = await readRemovals(store, signing, signal);
    if (fault !== undefined)
      throw new HoldfastError("E_SIGNATURE", `${file} ${fault}; nothing was removed`, {
        hint: "find out who changed it; then move it and its .sig away, and the next removal begins a new one",
      });
  }
  const begun = before.length === 0 || before.at(-1) === 0x0a ? "" : "\n";
  const text = `${begun}${chained(before, entries)}`;
  const descriptor = openSync(file, "a", 0o640);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  if (signing?.key === undefined) return;
  const content = Buffer.concat([before, Buffer.from(text)]);
  const signature = await sign(signing, { namespace: "holdfast-evidence", content }, signal);
  await writeFileAtomic(signatureFile(store), signature, { mode: 0o640 });
}

/** Returns the lines of new entries. */
function chained(before: Buffer, entries: readonly RemovalEntry[]): string {
  const [at, by, host] = [new Date().toISOString(), userName(), hostname()];
  const last = linesOf(before).at(-1);
  let previous = last === undefined ? null : digestOf(last);
  return entries
    .map((entry) => {
      const line = JSON.stringify({ at, ...entry, by, host, previous });
      previous = digestOf(line);
      return `${line}\n`;
    })
    .join("");
}

const removedSchema = z.object({ run: z.string(), incomplete: z.boolean() });

/** Returns the published runs that were removed from the store on purpose, as far as the journal can be read. */
export function removedRuns(store: string): ReadonlySet<string> {
  const file = journalFile(store);
  if (!existsSync(file)) return new Set();
  return new Set(
    linesOf(readRegular(file, MOST_LIST, "E_VERIFY")).flatMap((line) => {
      const entry = parseLine(line, removedSchema);
      return entry?.incomplete === false ? [entry.run] : [];
    }),
  );
}

export interface Removals {
  readonly runs: ReadonlySet<string>;
  /** Why the journal cannot be believed, after its name; undefined if it can. */
  readonly fault: string | undefined;
}

/**
 * Reads the journal and checks its chain and, where there are allowed signers, its signature. Lines at its end whose
 * runs are still there are those of a removal that was cut off before it was signed.
 */
export async function readRemovals(
  store: string,
  signing: Signing | undefined,
  signal: AbortSignal,
): Promise<Removals> {
  const file = journalFile(store);
  if (!existsSync(file)) return { runs: new Set(), fault: undefined };
  const lines = linesOf(readRegular(file, MOST_LIST, "E_VERIFY"));
  const parsed = lines.map((line) => parseLine(line, lineSchema));
  const runs = new Set(parsed.flatMap((line) => line?.run ?? []));
  const broken = parsed.findIndex((line, at) => at > 0 && !follows(line, lines[at - 1] ?? ""));
  if (broken !== -1) return { runs, fault: `was altered: line ${broken + 1} does not follow from the line before it` };
  if (signing === undefined) return { runs, fault: undefined };
  const left = new Set([...listRuns(store), ...listIncomplete(store)]);
  let whole = lines.length;
  if (parsed.at(-1) === undefined) whole--; // a line that was cut off
  while (whole > 0 && left.has(parsed[whole - 1]?.run ?? "")) whole--;
  let why = "";
  for (const length of new Set([lines.length, whole])) {
    const content = Buffer.from(
      lines
        .slice(0, length)
        .map((line) => `${line}\n`)
        .join(""),
    );
    const at = new Date(parsed[length - 1]?.at ?? Date.now());
    const signature = signatureFile(store);
    const verdict = await checkSignature(signing, { namespace: "holdfast-evidence", content, signature, at }, signal);
    if (verdict.valid) return { runs, fault: undefined };
    why ||= `is not proved: its signature ${verdict.why}`;
  }
  return { runs, fault: why };
}

/** Lines without a digest are from before the journal was chained, or were cut off by a crash. */
function follows(line: z.infer<typeof lineSchema> | undefined, before: string): boolean {
  return line?.previous === undefined || line.previous === digestOf(before);
}

function parseLine<T>(line: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.safeParse(parseJson(line)).data;
  } catch {
    return undefined;
  }
}

const linesOf = (content: Buffer): string[] => {
  const lines = content.toString("utf8").split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
};

const digestOf = (line: string): string => createHash("sha256").update(line).digest("hex");
