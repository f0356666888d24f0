/**
 * Removes runs, and objects that no run needs: marks what the runs that stay name, in SHA256SUMS as in `objects.tsv`, and
 * sweeps the rest. A run whose documents cannot be read stops it: what it needs is not known.
 */
import { HoldfastError } from "../../errors.ts";
import { MOST_LIST } from "../../archive/limits.ts";
import { isRunId } from "../../store/files/layout.ts";
import { parseSums, SUMS_FILE } from "../../store/run/checksums.ts";
import type { ObjectFacts } from "../core/object-store.ts";
import { removeReceipt } from "../core/receipts.ts";
import type { PruneRequest, PruneResult } from "../core/target.ts";
import {
  digestOfKey,
  documentKey,
  OBJECTS_FILE,
  OBJECTS_PREFIX,
  parseObjects,
  PROBE_PREFIX,
  receiptKey,
  RUNS_PREFIX,
} from "./keys.ts";
import { allows, listed, readObject, type Layout } from "./layout.ts";

/** Prunes. Throws `E_REMOTE` without the rights to list, to read and to delete, `E_VERIFY` for an unreadable run. */
export async function pruneObjects(request: PruneRequest, layout: Layout): Promise<PruneResult> {
  const needed = request.dryRun
    ? (["can_list", "can_read"] as const)
    : (["can_list", "can_read", "can_delete"] as const);
  for (const right of needed)
    if (!allows(layout, right))
      throw new HoldfastError(
        "E_REMOTE",
        `${layout.objects.address}: these credentials ${right.replace("_", "not ")}`,
        {
          hint: "prune with credentials that may list, read and delete, on another machine; probe the target again if they do now",
        },
      );
  return await new Pruning(request, layout).run();
}

class Pruning {
  readonly #request: PruneRequest;
  readonly #layout: Layout;
  readonly #kept: { path: string; message: string }[] = [];
  readonly #removed: string[] = [];
  #objects = 0;
  #bytes = 0;

  constructor(request: PruneRequest, layout: Layout) {
    this.#request = request;
    this.#layout = layout;
  }

  async run(): Promise<PruneResult> {
    const documents = await listed(this.#layout, RUNS_PREFIX);
    const byRun = new Map<string, ObjectFacts[]>();
    for (const facts of documents.values()) {
      const run = facts.key.split("/")[1] ?? "";
      const files = byRun.get(run);
      if (files === undefined) byRun.set(run, [facts]);
      else files.push(facts);
    }
    const removed = new Set<string>();
    for (const run of this.#request.remove) {
      const files = byRun.get(run);
      if (files !== undefined && (await this.#removeRun(run, files))) removed.add(run);
    }
    const marked = new Set<string>();
    for (const [run, files] of byRun) {
      if (!isRunId(run) || removed.has(run)) continue;
      const isComplete = documents.has(documentKey(run, SUMS_FILE));
      if (isComplete) await this.#mark(run, marked);
      else await this.#sweep(files); // a push that was given up
    }
    const unneeded = [...(await listed(this.#layout, OBJECTS_PREFIX)).values()].filter(
      ({ key }) => !marked.has(digestOfKey(key) ?? ""),
    );
    await this.#sweep(unneeded);
    await this.#sweep([...(await listed(this.#layout, PROBE_PREFIX)).values()]);
    return { runs: this.#removed, objects: this.#objects, bytes: this.#bytes, kept: this.#kept };
  }

  /** Removes SHA256SUMS first, so that the run is none any more; false if it must stay. */
  async #removeRun(run: string, files: readonly ObjectFacts[]): Promise<boolean> {
    const sums = documentKey(run, SUMS_FILE);
    const ordered = files.toSorted((a, b) => Number(b.key === sums) - Number(a.key === sums));
    for (const [index, facts] of ordered.entries()) {
      const isRemoved = await this.#remove(facts);
      if (!isRemoved && index === 0) return false;
    }
    this.#removed.push(run);
    if (this.#request.dryRun) return true;
    await this.#layout.objects.remove(receiptKey(run));
    removeReceipt(this.#layout.context.store, this.#layout.name, run);
    return true;
  }

  /** Marks the digests that a run names, in whichever document. */
  async #mark(run: string, marked: Set<string>): Promise<void> {
    const digests = parseSums((await this.#read(run, SUMS_FILE))?.toString("utf8") ?? "");
    const map = await this.#read(run, OBJECTS_FILE);
    if (digests === undefined || map === undefined)
      throw new HoldfastError(
        "E_VERIFY",
        `${SUMS_FILE} or ${OBJECTS_FILE} of the run ${run} at ${this.#layout.objects.address} cannot be read`,
        {
          hint: "nothing more is removed: verify the run, or remove it by its name",
        },
      );
    for (const sha256 of digests.values()) marked.add(sha256);
    for (const { sha256, key } of parseObjects(map.toString("utf8")))
      marked.add(sha256).add(digestOfKey(key) ?? sha256);
  }

  async #read(run: string, name: string): Promise<Buffer | undefined> {
    return await readObject(this.#layout, documentKey(run, name), MOST_LIST);
  }

  /** Removes what is old enough. */
  async #sweep(found: readonly ObjectFacts[]): Promise<void> {
    const before = new Date(Date.now() - this.#request.minAgeMs);
    for (const facts of found) if (facts.modified !== undefined && facts.modified < before) await this.#remove(facts);
  }

  async #remove({ key, size }: ObjectFacts): Promise<boolean> {
    const { objects, context } = this.#layout;
    context.signal.throwIfAborted();
    const why = this.#request.dryRun ? undefined : await objects.remove(key);
    if (why !== undefined) {
      this.#kept.push({ path: key, message: why });
      return false;
    }
    this.#objects++;
    this.#bytes += size;
    return true;
  }
}
