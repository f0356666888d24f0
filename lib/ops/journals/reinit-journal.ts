/**
 * The journal of a reinit, `<store>/reinits/<id>.json`. Each phase is written before it begins, so that `--recover` can
 * end the reinit after a crash.
 */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";
import { HoldfastError } from "../../errors.ts";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { storeError, writeFileAtomic } from "../../store/files/atomic.ts";
import { formatJson, readDocument } from "../../store/files/json-documents.ts";
import { nextRunId } from "../../store/files/layout.ts";
import { noSteps, type OnStep } from "./on-step.ts";

/**
 * The phases of a reinit.
 * - `clearing`: nothing is committed.
 * - `committing`: the transaction may be committed.
 * - `cleared`: it is committed, and the administrator is to be created.
 * - `finishing`: the administrator exists, and the service is to be started.
 * - `undoing`: the cleared rows are being imported again.
 * - `undone`: the rows are back, and directories and service follow.
 * - `completed`, `taken back`: the ends.
 */
const REINIT_PHASES = [
  "clearing",
  "committing",
  "cleared",
  "finishing",
  "undoing",
  "undone",
  "completed",
  "taken back",
] as const;
export type ReinitPhase = (typeof REINIT_PHASES)[number];

/**
 * The action of `--recover` in each phase that is not an end. `ask`: the database shows whether the transaction was
 * committed, which decides between the other two.
 */
export const REINIT_RECOVERY: Readonly<Partial<Record<ReinitPhase, "undo" | "ask" | "finish">>> = {
  clearing: "undo",
  committing: "ask",
  cleared: "finish",
  finishing: "finish",
  undoing: "undo",
  undone: "undo",
};

const recordSchema = z.object({
  format_version: z.string(),
  reinit: z.string().regex(/^\d{8}T\d{6}Z$/),
  site: z.string(),
  /** The configured database. */
  unit: z.string(),
  safety_run: z.string(),
  phase: z.enum(REINIT_PHASES),
  rows: z.number().int(),
  moves: z.array(z.object({ live: z.string(), aside: z.string() })),
});
export type ReinitRecord = z.infer<typeof recordSchema>;

const directoryOf = (store: string): string => path.join(store, "reinits");
const isEnded = ({ phase }: ReinitRecord): boolean => !(phase in REINIT_RECOVERY);

const keptBeside = (file: string): string => file.replace(/\.json$/, "");

export class ReinitJournal {
  /** Called before each change that the reinit makes. */
  readonly step: OnStep;
  readonly #file: string;
  #record: ReinitRecord;

  private constructor(file: string, record: ReinitRecord, step: OnStep) {
    this.#file = file;
    this.#record = record;
    this.step = step;
  }

  get record(): ReinitRecord {
    return this.#record;
  }

  /** The directory of the exported rows, which exists until the reinit ends. */
  get kept(): string {
    return keptBeside(this.#file);
  }

  /** Creates the journal. The caller holds the lock of the store. */
  static async create(
    store: string,
    record: Omit<ReinitRecord, "format_version" | "phase">,
    step: OnStep = noSteps,
  ): Promise<ReinitJournal> {
    mkdirSync(directoryOf(store), { recursive: true, mode: 0o750 });
    removeLeftovers(store);
    const file = path.join(directoryOf(store), `${record.reinit}.json`);
    const document: ReinitRecord = { format_version: FORMAT_VERSION, ...record, phase: "clearing" };
    const journal = new ReinitJournal(file, document, step);
    await journal.enter("clearing");
    return journal;
  }

  /** Returns the interrupted reinit, if any. The caller holds the lock of the store, so no process works on it. */
  static pending(store: string, step: OnStep = noSteps): ReinitJournal | undefined {
    for (const file of journalsOf(store)) {
      const record = readDocument(file, recordSchema);
      if (!isEnded(record)) return new ReinitJournal(file, record, step);
    }
    return undefined;
  }

  /** Records a phase, before it begins. An end removes the exported rows. */
  async enter(phase: ReinitPhase): Promise<void> {
    this.step({ action: "write", object: phase });
    this.#record = { ...this.#record, phase };
    try {
      await writeFileAtomic(this.#file, formatJson(this.#record), { mode: 0o640 });
    } catch (error) {
      throw storeError("the journal of the reinit cannot be written", error);
    }
    if (!isEnded(this.#record)) return;
    this.step({ action: "remove", object: this.kept });
    removeTree(fromString(this.kept));
  }
}

function journalsOf(store: string): string[] {
  const directory = directoryOf(store);
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory).filter((one) => one.endsWith(".json") && !one.startsWith("."));
  return names.map((name) => path.join(directory, name));
}

/** Returns a new reinit id, later than all others of the store even if the clock was set back. */
export function nextReinitId(store: string): string {
  const newest = journalsOf(store)
    .map((file) => path.basename(file, ".json"))
    .filter((id) => /^\d{8}T\d{6}Z$/.test(id))
    .toSorted()
    .at(-1);
  return nextRunId(new Date(), newest);
}

/** Removes exported rows that a crash left behind after the end of their reinit. */
function removeLeftovers(store: string): void {
  for (const file of journalsOf(store))
    if (isEnded(readDocument(file, recordSchema))) removeTree(fromString(keptBeside(file)));
}

/** Throws `E_PENDING` while an earlier reinit is neither completed nor undone. */
export function assertNoPendingReinit(store: string): void {
  const pending = ReinitJournal.pending(store);
  if (pending === undefined) return;
  throw new HoldfastError(
    "E_PENDING",
    `the reinit ${pending.record.reinit} was interrupted while ${pending.record.phase}`,
    {
      hint: "npx tsx scripts/reinit.ts --recover finishes it or puts everything back",
    },
  );
}
