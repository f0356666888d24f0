/** A target of an object store, in the layout of docs/off-site.md. */
import type { Readable } from "node:stream";
import type { TargetKind } from "../../config/settings/targets/target.ts";
import { isRunId } from "../../store/files/layout.ts";
import { SUMS_FILE } from "../../store/run/checksums.ts";
import type { Capabilities } from "../core/capabilities.ts";
import type { LocalFile, LocalRun } from "../core/local-run.ts";
import type { ObjectStore } from "../core/object-store.ts";
import type { Receipt } from "../core/receipt.ts";
import type {
  PruneRequest,
  PruneResult,
  RunReader,
  Target,
  TargetCheck,
  TargetContext,
  VerifyRequest,
} from "../core/target.ts";
import { listEvidence, readEvidence, sendEvidence } from "./evidence.ts";
import { RUNS_PREFIX, STORE_KEY } from "./keys.ts";
import { listed, readObject, type Layout } from "./layout.ts";
import { extendLocks } from "./locks.ts";
import { pruneObjects } from "./prune.ts";
import { pushRun } from "./push.ts";
import { openReader } from "./reader.ts";
import { verifyRun } from "./verify.ts";
import { DOCUMENT } from "../../archive/limits.ts";
import { HoldfastError } from "../../errors.ts";
import { storeSchema, type StoreDocument } from "../../model/run.ts";
import { parseDocument } from "../../store/files/json-documents.ts";

export class ObjectTarget implements Target {
  readonly name: string;
  readonly kind: TargetKind;
  readonly address: string;
  readonly #layout: Layout;

  constructor(name: string, kind: TargetKind, objects: ObjectStore, context: TargetContext) {
    this.name = name;
    this.kind = kind;
    this.address = objects.address;
    this.#layout = { name, kind, objects, context };
  }

  async probe(): Promise<Capabilities> {
    return await this.#layout.objects.probe();
  }

  async runs(): Promise<string[]> {
    const found: string[] = [];
    for (const key of (await listed(this.#layout, RUNS_PREFIX)).keys()) {
      const [, run = "", ...rest] = key.split("/");
      if (isRunId(run) && rest.join("/") === SUMS_FILE) found.push(run);
    }
    return found.toSorted();
  }

  async push(run: LocalRun): Promise<Receipt> {
    return await pushRun(run, this.#layout);
  }

  async storeDocument(): Promise<StoreDocument> {
    const text = await readObject(this.#layout, STORE_KEY, DOCUMENT.bytes);
    if (text === undefined) throw new HoldfastError("E_STORE", `${this.address} holds no store`);
    return parseDocument(`${STORE_KEY} at ${this.address}`, text.toString("utf8"), storeSchema);
  }

  async reader(run: string): Promise<RunReader> {
    return await openReader(run, this.#layout);
  }

  async verify(run: string, request: VerifyRequest): Promise<TargetCheck> {
    return await verifyRun(run, request, this.#layout);
  }

  async prune(request: PruneRequest): Promise<PruneResult> {
    return await pruneObjects(request, this.#layout);
  }

  async extendLocks(neededRuns: () => Promise<readonly string[]>): Promise<number> {
    return await extendLocks(neededRuns, this.#layout);
  }

  async sendEvidence(files: readonly LocalFile[]): Promise<void> {
    await sendEvidence(files, this.#layout);
  }

  async evidence(): Promise<string[]> {
    return await listEvidence(this.#layout);
  }

  async readEvidence(path: string): Promise<Readable> {
    return await readEvidence(this.#layout, path);
  }

  async close(): Promise<void> {
    await this.#layout.objects.close();
  }
}
