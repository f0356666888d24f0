/** Requests and reports of the drill of one run. */
import type { SiteConfig } from "../../config/load.ts";
import type { Signing } from "../../config/settings/signing.ts";
import type { DrillCheck } from "../checks/drill-check.ts";
import type { RestoreRequest } from "../restore/plan/request.ts";
import type { ContentSource } from "../runs/content-source.ts";
import type { StorePlace } from "../signing/memory.ts";

export const DRILL_PHASES = ["verify", "unpack", "load", "compare", "compile", "smoke", "clean"] as const;
export type DrillPhase = (typeof DRILL_PHASES)[number];

export interface DrillRunRequest {
  readonly place: StorePlace;
  readonly store: string;
  readonly run: string;
  readonly config: SiteConfig | undefined;
  /** Parent of the sandbox; the temporary directory if absent. */
  readonly sandbox: string | undefined;
  /** A server for scratch databases; a private one if absent. */
  readonly database: string | undefined;
  /** The number of projects to compile. */
  readonly projects: number;
  readonly workers: number;
  /** Brings artifacts that are not in the store's directory. */
  readonly content?: ContentSource | undefined;
  /** Files of identities that open sealed artifacts; those of the config when empty. */
  readonly identities: readonly string[];
  /** A directory for the evidence; the store if absent. */
  readonly evidence: string | undefined;
  /** Restores only what no recent evidence proves, and every database. */
  readonly changed: boolean;
  readonly signing: Signing | undefined;
}

export interface DrillOptions {
  readonly signal: AbortSignal;
  readonly onPhase: (run: string, phase: DrillPhase) => void;
  readonly onCheck: (run: string, check: DrillCheck) => void;
  /** Called with the bytes unpacked so far, and their approximate total. */
  readonly onBytes?: (done: number, total: number) => void;
  readonly onNote: (text: string) => void;
}

/** Returns the request that restores all of the run into a directory. */
export const wholeRun = ({ store, run, workers }: DrillRunRequest, directory: string): RestoreRequest => ({
  store,
  run,
  target: { kind: "directory", directory },
  steps: [],
  units: [],
  rebuild: false,
  media: true,
  migrate: false,
  allowNewerSchema: true,
  owners: { by: "number" },
  restoreFlags: [],
  dryRun: false,
  workers,
  breakLock: false,
});
