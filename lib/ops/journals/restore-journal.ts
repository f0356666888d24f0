/**
 * The journal of a restore, `<store>/restores/<id>.json`: its phases, and what a later command needs to end it after a
 * crash. Each change of the site or the store is recorded here before it is made.
 */
import { mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { RESTORE_PREFIX } from "../../archive/tree/walk.ts";
import { HoldfastError } from "../../errors.ts";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { storeError, writeFileAtomic } from "../../store/files/atomic.ts";
import { formatJson, readDocument, tryReadDocument } from "../../store/files/json-documents.ts";
import { nextRunId } from "../../store/files/layout.ts";
import { ownerOfThisProcess } from "../../store/lock/process-owner.ts";
import { noSteps, type OnStep } from "./on-step.ts";
import { journalSchema, toJson, type JournalDocument, type JournalStart, type Phase } from "./operations.ts";
import { writeSeals } from "./seal.ts";
import { stateOf } from "./restore-state.ts";

const directoryOf = (store: string): string => path.join(store, "restores");

/** The journal of one restore. Every change of it is on disk before the call returns. */
export class Journal {
  /** Called before each change of the disk or of a database that the restore makes. */
  readonly step: OnStep;
  #file: string | undefined;
  #document: JournalDocument;

  private constructor(file: string, document: JournalDocument, step: OnStep) {
    this.#file = file;
    this.#document = document;
    this.step = step;
  }

  /**
   * Creates a journal. With `needed` false, for a restore that replaces nothing, a journal on a read-only store is kept
   * in memory.
   */
  static async create(store: string, start: JournalStart, needed: boolean, step: OnStep = noSteps): Promise<Journal> {
    const id = newRestoreId(store);
    const now = new Date().toISOString();
    const document: JournalDocument = {
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
    };
    const journal = new Journal(path.join(directoryOf(store), `${id}.json`), document, step);
    try {
      mkdirSync(directoryOf(store), { recursive: true, mode: 0o750 });
      await journal.#write();
    } catch (error) {
      if (needed) throw storeError("the journal of the restore cannot be written", error);
      journal.#file = undefined;
    }
    return journal;
  }

  /** Opens the journal of an earlier restore. Throws `E_RUN_UNKNOWN` if it does not exist. */
  static async open(store: string, id: string, step: OnStep = noSteps): Promise<Journal> {
    const file = path.join(directoryOf(store), `${id}.json`);
    if (!listRestores(store).includes(id))
      throw new HoldfastError("E_RUN_UNKNOWN", `the store has no restore ${id}`, {
        hint: `see ${directoryOf(store)} for the ids`,
      });
    return new Journal(file, readDocument(file, journalSchema), step);
  }

  get document(): JournalDocument {
    return this.#document;
  }

  /** Writes a change durably; call it before the change that it describes is made. */
  async update(change: Partial<JournalDocument>): Promise<void> {
    this.#document = { ...this.#document, ...change };
    if (change.operations !== undefined) writeSeals(this.#document);
    await this.#write();
  }

  async enter(phase: Phase, change: Partial<JournalDocument> = {}): Promise<void> {
    const at = new Date().toISOString();
    const isOver = ["completed", "failed", "rolled_back"].includes(phase);
    await this.update({
      ...change,
      phase,
      process: ownerOfThisProcess("restore", this.#document.restore),
      history: [...this.#document.history, { phase, at }],
      finished_at: isOver ? at : null,
    });
  }

  async #write(): Promise<void> {
    this.step({ action: "write", object: `${this.#document.phase} ${this.#document.swap}` });
    if (this.#file !== undefined)
      await writeFileAtomic(this.#file, formatJson(toJson(this.#document)), { mode: 0o640 });
  }
}

export function newRestoreId(store: string): string {
  return nextRunId(new Date(), listRestores(store).at(-1));
}

/** Lists the ids of all restores recorded in the store, oldest first. */
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

/** Returns the source of a restore for messages. */
export const sourceOf = (document: Pick<JournalDocument, "run" | "package">): string =>
  `the ${document.package ? "package" : "run"} ${document.run}`;

/**
 * Returns the journals of restores that have not ended, oldest first. Damaged ones are skipped; `assertReadable`
 * reports them.
 */
export function pendingRestores(store: string): JournalDocument[] {
  return listRestores(store).flatMap((id) => {
    const found = tryReadDocument(path.join(directoryOf(store), `${id}.json`), journalSchema);
    return found === undefined || stateOf(found) === "ended" ? [] : [found];
  });
}

/** Throws `E_VERIFY` or `E_VERSION` for an unreadable journal, because its restore may still be pending. */
export function assertReadable(store: string): void {
  for (const id of listRestores(store)) {
    const file = path.join(directoryOf(store), `${id}.json`);
    try {
      readDocument(file, journalSchema);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      throw new HoldfastError(error.code, `${error.message}; the restore may still be pending`, {
        hint: `look for ${RESTORE_PREFIX}${id} beside the site's directories, then move the journal away`,
        cause: error,
      });
    }
  }
}
