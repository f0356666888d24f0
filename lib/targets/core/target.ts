/** A place off-site that takes the runs of a store. lib/targets/registry.ts opens one; each kind has a folder. */
import type { Readable } from "node:stream";
import type { TargetKind } from "../../config/settings/targets/target.ts";
import type { Capabilities } from "./capabilities.ts";
import type { LocalFile, LocalRun } from "./local-run.ts";
import type { Receipt } from "./receipt.ts";
import type { Sample } from "./sample.ts";
import type { StoreDocument } from "../../model/run.ts";

export interface Target {
  readonly name: string;
  readonly kind: TargetKind;
  /** The address for messages: no part of a secret. */
  readonly address: string;
  /** Tries what the target allows and enforces, by writing and removing `probe/<random>`. Throws `E_REMOTE`. */
  probe(): Promise<Capabilities>;
  /**
   * Lists the complete runs, oldest first. Throws `E_REMOTE`, also where this side has no right to list; `push` and
   * `sendEvidence` need no such right.
   */
  runs(): Promise<string[]>;
  /**
   * Copies a run, and sends nothing that the target has. The run exists there only when all of it is there:
   * SHA256SUMS and its signature go last. May be repeated after any interruption. Throws `E_REMOTE`; `E_VERIFY` for a
   * file of the run that does not have its recorded digest, and for another run of that name on the target.
   */
  push(run: LocalRun): Promise<Receipt>;
  /** Reads `store.json`. Throws `E_REMOTE`, `E_STORE` where there is none. */
  storeDocument(): Promise<StoreDocument>;
  /** Opens a complete run for reading. Throws `E_RUN_UNKNOWN`, `E_REMOTE`, `E_VERIFY`. */
  reader(run: string): Promise<RunReader>;
  /** Compares a run there with what was recorded. Throws `E_RUN_UNKNOWN` and `E_REMOTE`; faults are in the result. */
  verify(run: string, request: VerifyRequest): Promise<TargetCheck>;
  /** Removes runs and what only they need. Throws `E_REMOTE`, also without the right to delete. */
  prune(request: PruneRequest): Promise<PruneResult>;
  /**
   * Extends the locks of runs that are still needed, and returns how many; where files are not locked, it does not ask
   * for the runs. Throws `E_REMOTE`.
   */
  extendLocks(neededRuns: () => Promise<readonly string[]>): Promise<number>;
  /** Copies files of evidence that are not there with this content; their paths are below `evidence/`. */
  sendEvidence(files: readonly LocalFile[]): Promise<void>;
  /** Lists the paths of the files of evidence there, below `evidence/`. */
  evidence(): Promise<string[]>;
  /** Reads a file of evidence. */
  readEvidence(path: string): Promise<Readable>;
  close(): Promise<void>;
}

/** Bytes of a file, from `start` to `end`, both included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Reads a run as its SHA256SUMS describes it. */
export interface RunReader {
  readonly run: string;
  /** The bytes of SHA256SUMS, and of its signature if there is one. */
  readonly sums: Buffer;
  readonly signature: Buffer | undefined;
  /** Digests by path. */
  readonly digests: ReadonlyMap<string, string>;
  /**
   * Reads a file of the run, or a range of it. Throws `E_MISSING` for a path that is not in SHA256SUMS. A whole file
   * that does not have its digest ends in `E_VERIFY`; of a range nothing can be checked.
   */
  open(path: string, range?: ByteRange): Promise<Readable>;
}

export interface VerifyRequest {
  /** The run in the store, if it is still there. */
  readonly local: LocalRun | undefined;
  /** The artifacts that are read back where no declared checksum proves them; 1 of 1 is all. */
  readonly sample: Sample;
}

/** Findings of a verification of a run on a target. */
export interface TargetCheck {
  readonly run: string;
  readonly documents: number;
  /** Artifacts whose digest the target computed when it took them, and those that were read back. */
  readonly declared: number;
  readonly read: number;
  readonly read_bytes: number;
  /** Artifacts of which only the presence and the size were compared. */
  readonly unread: number;
  readonly problems: readonly { readonly path: string; readonly message: string }[];
}

export interface PruneRequest {
  /** The runs to remove; all others are kept. */
  readonly remove: readonly string[];
  readonly dryRun: boolean;
  /** Objects of no run that are younger stay: another push may be about to refer to them. */
  readonly minAgeMs: number;
}

export interface PruneResult {
  readonly runs: readonly string[];
  readonly objects: number;
  readonly bytes: number;
  /** Objects that must stay, such as locked ones, and why. */
  readonly kept: readonly { readonly path: string; readonly message: string }[];
}

/** The frame in which a target works. */
export interface TargetContext {
  readonly signal: AbortSignal;
  /** The site's store, which also keeps receipts and the state of uploads. */
  readonly store: string;
  readonly site: string;
  /** The directory that paths of the config are relative to. */
  readonly root: string;
  /** The result of the last probe; undefined before the first. */
  readonly capabilities: Capabilities | undefined;
  /** Bytes that were sent or read. */
  readonly onBytes: (bytes: number) => void;
  readonly onNote: (text: string) => void;
}
