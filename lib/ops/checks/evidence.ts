/** Keeps the evidence of a verification or a drill: `evidence/<run>/<kind>-<time>.json` of the store or of another directory. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { createFileAtomic } from "../../store/files/atomic.ts";
import { formatJson } from "../../store/files/json-documents.ts";
import { stateDirectory } from "../../store/known-stores.ts";

export interface EvidencePlace {
  readonly store: string;
  readonly run: string;
  readonly kind: "drill" | "verify";
  readonly started: Date;
  /** Chosen by the operator, in place of the store. */
  readonly directory?: string | undefined;
}

export interface KeptEvidence {
  /** Relative to the store, or absolute outside of it; null if it could be kept nowhere. */
  readonly file: string | null;
  /** For people: the evidence is not where it usually is. */
  readonly notes: readonly string[];
}

/**
 * Writes the document into the store, whole or not at all. On a store that cannot be written to, such as an off-site copy, it goes to the
 * state directory of this host. Throws `E_TARGET` if the operator's own directory cannot be written to.
 */
export async function keepEvidence(place: EvidencePlace, document: unknown): Promise<KeptEvidence> {
  const { store, run, directory } = place;
  if (directory !== undefined) {
    try {
      return { file: await write(path.join(directory, run), place, document), notes: [] };
    } catch (error) {
      throw new HoldfastError("E_TARGET", `the evidence cannot be written: ${asHoldfastError(error).message}`, {
        hint: "correct --evidence",
        cause: error,
      });
    }
  }
  try {
    const file = await write(path.join(store, "evidence", run), place, document);
    return { file: path.relative(store, file), notes: [] };
  } catch (error) {
    const why = `the store cannot take the evidence (${asHoldfastError(error).message})`;
    try {
      const file = await write(path.join(stateDirectory(), "evidence", run), place, document);
      return { file, notes: [`${why}: it is in ${file}`] };
    } catch (second) {
      const then = asHoldfastError(second).message;
      return { file: null, notes: [`${why}, nor can this host (${then}): name a directory with --evidence`] };
    }
  }
}

async function write(directory: string, { kind, started }: EvidencePlace, document: unknown): Promise<string> {
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  for (let time = started.getTime(); ; time++) {
    const file = path.join(directory, `${kind}-${new Date(time).toISOString().replaceAll(/[-:.]/g, "")}.json`);
    if (await createFileAtomic(file, formatJson(document), { mode: 0o640 })) return file;
  }
}
