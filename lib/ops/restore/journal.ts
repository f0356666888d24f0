/**
 * The record of a restore, `<store>/restores/<id>.json`: what it does, phase by phase, for people; and for whoever has to finish it after a crash.
 * It is written before each thing that it names is done.
 */
import { mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import type { BytePath } from "../../archive/entry.ts";
import { fromString, isUtf8, toBuffer } from "../../archive/path.ts";
import { HoldfastError } from "../../errors.ts";
import { FORMAT_VERSION, projectSchema } from "../../model/unit.ts";
import { storeError, writeFileAtomic } from "../../store/atomic.ts";
import { formatJson, readDocument, tryReadDocument } from "../../store/documents.ts";
import { nextRunId } from "../../store/layout.ts";
import { livenessOf, ownerOfThisProcess, ownerSchema } from "../../store/owner.ts";

export const PHASES = [
  "validating",
  "pre_backup",
  "restoring",
  "migrating",
  "completed",
  "failed",
  "rolled_back",
] as const;
export type Phase = (typeof PHASES)[number];

/** A path: text, or base64 where it is no UTF-8. */
const pathSchema = z
  .union([z.string(), z.object({ b64: z.string() })])
  .transform((value): BytePath =>
    typeof value === "string" ? fromString(value) : Buffer.from(value.b64, "base64").toString("latin1"),
  );

const operationSchema = z.discriminatedUnion("kind", [
  /** `fresh` (null: nothing) takes the place of `live`, which goes to `aside`. */
  z.object({
    kind: z.literal("replace"),
    live: pathSchema,
    fresh: pathSchema.nullable(),
    aside: pathSchema,
    carry: z.array(pathSchema),
  }),
  /** The database `scratch` takes the place of the live one, which becomes `aside`. */
  z.object({ kind: z.literal("exchange"), unit: z.string(), url: z.string(), scratch: z.string(), aside: z.string() }),
  /** The dump is loaded into the live database; `safety` is a dump of what was there, null where nothing was or nothing could be saved. */
  z.object({
    kind: z.literal("reload"),
    unit: z.string(),
    url: z.string(),
    dump: z.string(),
    safety: z.string().nullable(),
    begun: z.boolean(),
  }),
  /** Rows of a package were imported into the live database; `safety` is a dump of what was there before, null where nothing could be saved. */
  z.object({
    kind: z.literal("import"),
    unit: z.string(),
    url: z.string(),
    safety: z.string().nullable(),
    /** Names for the way back, where databases are exchanged. */
    scratch: z.string(),
    aside: z.string(),
    /** `begun`: it may be committed. */
    state: z.enum(["none", "begun", "committed"]),
  }),
]);
export type Operation = z.infer<typeof operationSchema>;

const journalSchema = z.object({
  format_version: z.string(),
  restore: z.string(),
  site: z.string(),
  /** The run, or the name of the package's file. */
  run: z.string(),
  /** The restore is of a migration package. */
  package: z.boolean().default(false),
  /** `in-place`, or the directory. */
  target: z.string(),
  selection: z.record(z.string(), z.unknown()),
  phase: z.enum(PHASES),
  history: z.array(z.object({ phase: z.enum(PHASES), at: z.string() })),
  started_at: z.string(),
  finished_at: z.string().nullable(),
  process: ownerSchema,
  /** How far the swap has got. `begun`: some of the operations may have been done; `undoing`: they are being taken back. */
  swap: z.enum(["none", "begun", "done", "undoing", "undone"]),
  operations: z.array(operationSchema),
  /** Directories and databases that exist for this restore alone. */
  bases: z.array(pathSchema),
  scratch_databases: z.array(z.object({ unit: z.string(), url: z.string(), name: z.string() })),
  /** Units of databases whose schema is older than the code, and that are to be migrated. */
  migrate: z.array(z.string()),
  /** Projects to be compiled from their sources. */
  rebuild: z.array(projectSchema),
  safety_run: z.string().nullable(),
  /** Why nothing was saved, in the operator's words. */
  without_safety: z.string().nullable(),
  service_stopped: z.boolean(),
  /** What was replaced is still there, until it is confirmed or rolled back. */
  kept: z.boolean(),
  by_hand: z.array(z.string()),
  warnings: z.array(z.string()),
  error: z.object({ code: z.string(), message: z.string(), hint: z.string() }).nullable(),
});
export type JournalDocument = z.infer<typeof journalSchema>;

/** What decides about the record of a new restore. */
export type JournalStart = Pick<JournalDocument, "site" | "run" | "target" | "selection" | "without_safety"> &
  Partial<Pick<JournalDocument, "package">>;

const directoryOf = (store: string): string => path.join(store, "restores");

/** The record of one restore, kept on disk with every change. */
export class Journal {
  #file: string | undefined;
  #document: JournalDocument;

  private constructor(file: string, document: JournalDocument) {
    this.#file = file;
    this.#document = document;
  }

  /** `needed` is false where nothing is replaced: then a store that cannot be written to is no hindrance, and the record is kept in memory. */
  static async create(store: string, start: JournalStart, needed: boolean): Promise<Journal> {
    const id = newRestoreId(store);
    const now = new Date().toISOString();
    const journal = new Journal(path.join(directoryOf(store), `${id}.json`), {
      format_version: FORMAT_VERSION,
      restore: id,
      package: false,
      ...start,
      phase: "validating",
      history: [{ phase: "validating", at: now }],
      started_at: now,
      finished_at: null,
      process: ownerOfThisProcess("restore", id),
      swap: "none",
      operations: [],
      bases: [],
      scratch_databases: [],
      migrate: [],
      rebuild: [],
      safety_run: null,
      service_stopped: false,
      kept: false,
      by_hand: [],
      warnings: [],
      error: null,
    });
    try {
      mkdirSync(directoryOf(store), { recursive: true, mode: 0o750 });
      await journal.#write();
    } catch (error) {
      if (needed) throw storeError("the record of the restore cannot be written", error);
      journal.#file = undefined;
    }
    return journal;
  }

  /** The record of an earlier restore, now in the hands of this process. Throws `E_RUN_UNKNOWN`. */
  static async open(store: string, id: string): Promise<Journal> {
    const file = path.join(directoryOf(store), `${id}.json`);
    if (!listRestores(store).includes(id))
      throw new HoldfastError("E_RUN_UNKNOWN", `the store has no restore ${id}`, {
        hint: `${directoryOf(store)} holds them`,
      });
    const journal = new Journal(file, readDocument(file, journalSchema));
    await journal.update({ process: ownerOfThisProcess("restore", id) });
    return journal;
  }

  get document(): JournalDocument {
    return this.#document;
  }

  /** Changes the record, durably, before what it says is done. */
  async update(change: Partial<JournalDocument>): Promise<void> {
    this.#document = { ...this.#document, ...change };
    await this.#write();
  }

  async enter(phase: Phase, change: Partial<JournalDocument> = {}): Promise<void> {
    const at = new Date().toISOString();
    const over = ["completed", "failed", "rolled_back"].includes(phase);
    await this.update({
      ...change,
      phase,
      history: [...this.#document.history, { phase, at }],
      finished_at: over ? at : null,
    });
  }

  async #write(): Promise<void> {
    if (this.#file !== undefined)
      await writeFileAtomic(this.#file, formatJson(toJson(this.#document)), { mode: 0o640 });
  }
}

export function newRestoreId(store: string): string {
  return nextRunId(new Date(), listRestores(store).at(-1));
}

/** Ids of all restores that the store knows of, oldest first. */
export function listRestores(store: string): string[] {
  try {
    return readdirSync(directoryOf(store))
      .filter((name) => /^\d{8}T\d{6}Z\.json$/.test(name))
      .map((name) => name.slice(0, -".json".length))
      .toSorted();
  } catch {
    return []; // none yet
  }
}

/** For people: what a restore brings back. */
export const sourceOf = (document: Pick<JournalDocument, "run" | "package">): string =>
  `the ${document.package ? "package" : "run"} ${document.run}`;

/** Restores in place that are neither at an end nor confirmed. A damaged record is none that could be finished. */
export function pendingRestores(store: string): JournalDocument[] {
  return listRestores(store).flatMap((id) => {
    const found = tryReadDocument(path.join(directoryOf(store), `${id}.json`), journalSchema);
    return found === undefined || !isPending(found) ? [] : [found];
  });
}

const isPending = (found: JournalDocument): boolean =>
  found.kept || !["completed", "failed", "rolled_back"].includes(found.phase);

/** Whether a restore was cut off: its process is gone, and it is at no end. */
export const isCutOff = (found: JournalDocument): boolean =>
  !["completed", "failed", "rolled_back"].includes(found.phase) && livenessOf(found.process) !== "alive";

function toJson(document: JournalDocument): unknown {
  const bytes = (value: BytePath): unknown =>
    isUtf8(value) ? toBuffer(value).toString("utf8") : { b64: toBuffer(value).toString("base64") };
  return {
    ...document,
    bases: document.bases.map(bytes),
    operations: document.operations.map((operation) =>
      operation.kind === "replace"
        ? {
            ...operation,
            live: bytes(operation.live),
            fresh: operation.fresh === null ? null : bytes(operation.fresh),
            aside: bytes(operation.aside),
            carry: operation.carry.map(bytes),
          }
        : operation,
    ),
  };
}
