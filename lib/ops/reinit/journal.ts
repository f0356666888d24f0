/** The record of a reinit, `<store>/reinits/<id>.json`: written before each thing that it names is done, for whoever has to end it after a crash. */
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { HoldfastError } from "../../errors.ts";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { storeError, writeFileAtomic } from "../../store/atomic.ts";
import { formatJson, readDocument } from "../../store/documents.ts";

const recordSchema = z.object({
  format_version: z.string(),
  reinit: z.string(),
  site: z.string(),
  /** The configured database. */
  unit: z.string(),
  safety_run: z.string(),
  /**
   * `clearing`: nothing is committed; `committing`: it may be; `cleared`: it is, and the administrator is to be made; `undoing`: the database is being
   * brought back. The other two are ends.
   */
  phase: z.enum(["clearing", "committing", "cleared", "undoing", "completed", "taken back"]),
  rows: z.number().int(),
  moves: z.array(z.object({ live: z.string(), aside: z.string() })),
});
export type ReinitRecord = z.infer<typeof recordSchema>;
export type ReinitPhase = ReinitRecord["phase"];

const directoryOf = (store: string): string => path.join(store, "reinits");
const isEnded = ({ phase }: ReinitRecord): boolean => phase === "completed" || phase === "taken back";

export class ReinitJournal {
  readonly #file: string;
  #record: ReinitRecord;

  private constructor(file: string, record: ReinitRecord) {
    this.#file = file;
    this.#record = record;
  }

  get record(): ReinitRecord {
    return this.#record;
  }

  /** Where what went is kept until the end. */
  get kept(): string {
    return this.#file.replace(/\.json$/, "");
  }

  static async create(store: string, record: Omit<ReinitRecord, "format_version" | "phase">): Promise<ReinitJournal> {
    mkdirSync(directoryOf(store), { recursive: true, mode: 0o750 });
    const journal = new ReinitJournal(path.join(directoryOf(store), `${record.reinit}.json`), {
      format_version: FORMAT_VERSION,
      ...record,
      phase: "clearing",
    });
    await journal.enter("clearing");
    return journal;
  }

  /** The one that was cut off: under the store's lock nobody is at work on it. */
  static pending(store: string): ReinitJournal | undefined {
    const directory = directoryOf(store);
    if (!existsSync(directory)) return undefined;
    for (const name of readdirSync(directory).filter((one) => one.endsWith(".json") && !one.startsWith("."))) {
      const file = path.join(directory, name);
      const record = readDocument(file, recordSchema);
      if (!isEnded(record)) return new ReinitJournal(file, record);
    }
    return undefined;
  }

  /** What was kept for the way back goes with the end. */
  async enter(phase: ReinitPhase): Promise<void> {
    this.#record = { ...this.#record, phase };
    try {
      await writeFileAtomic(this.#file, formatJson(this.#record), { mode: 0o640 });
    } catch (error) {
      throw storeError("the record of the reinit cannot be written", error);
    }
    if (isEnded(this.#record)) rmSync(this.kept, { recursive: true, force: true });
  }
}

/** Throws `E_PENDING` while an earlier reinit is neither whole nor taken back. */
export function refusePendingReinit(store: string): void {
  const pending = ReinitJournal.pending(store);
  if (pending === undefined) return;
  throw new HoldfastError(
    "E_PENDING",
    `the reinit ${pending.record.reinit} was cut off while ${pending.record.phase}`,
    {
      hint: "reinit.ts --recover finishes it, or takes it back",
    },
  );
}
