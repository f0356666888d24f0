/** Records of this host and of the store about the runs that are signed. */
import { lstatSync } from "node:fs";
import path from "node:path";
import { lookUpStore, recordSigned, type RememberedSigned } from "../../store/known-stores.ts";
import { listRuns, runDirectory } from "../../store/files/layout.ts";
import type { Store } from "../../store/open.ts";
import { LOOK_BACK } from "../../store/run/previous-runs.ts";
import { SIGNATURE_FILE } from "../../store/run/checksums.ts";

/** A store as it is remembered. */
export type StorePlace = Pick<Store, "path" | "id" | "site">;

export interface SignedRuns {
  /** The oldest signed run, as far as this host or the store tells; undefined if none ever was. */
  readonly since: string | undefined;
  /** True if this host knows it by itself, so that nobody who writes to the store can move it. */
  readonly isRemembered: boolean;
  /** Runs without a signature, from that one on. */
  readonly unsigned: readonly string[];
  /** The newest signed run that this host has seen, if it is no longer in the store. */
  readonly gone: string | undefined;
}

/** Checks whether a run has a signature, whatever that is worth. */
export const hasSignature = (store: string, run: string): boolean =>
  lstatSync(path.join(runDirectory(store, run), SIGNATURE_FILE), { throwIfNoEntry: false }) !== undefined;

/** Compares the runs of a store with what this host remembers. No signature is checked. */
export async function signedRuns(store: StorePlace): Promise<SignedRuns> {
  const remembered = await rememberedOf(store);
  const runs = listRuns(store.path);
  const signed = new Set(runs.filter((run) => hasSignature(store.path, run)));
  const since = earliest(remembered?.since, signed.values().next().value);
  const newest = remembered?.newest ?? undefined;
  return {
    since,
    isRemembered: remembered !== undefined,
    unsigned: since === undefined ? [] : runs.filter((run) => run >= since && !signed.has(run)),
    gone: newest === undefined || runs.includes(newest) ? undefined : newest,
  };
}

export async function rememberedOf({ path: place, id }: StorePlace): Promise<RememberedSigned | undefined> {
  const { known } = await lookUpStore(place);
  return known?.id === id ? known.signed : undefined;
}

/**
 * Remembers a run whose signature was made here, or found valid. Returns a warning if that could not be written.
 */
export async function rememberSigned(store: StorePlace, run: string, sums: string): Promise<string | undefined> {
  const first = listRuns(store.path).find((one) => hasSignature(store.path, one)) ?? run;
  return await recordSigned(store, (before) => {
    if (before?.sums[run] === sums) return before;
    const all = Object.entries({ ...before?.sums, [run]: sums }).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const kept = Object.fromEntries(all.slice(-LOOK_BACK));
    const since = earliest(before?.since, first) ?? first;
    const newest = before?.newest === undefined || before.newest === null || run > before.newest ? run : before.newest;
    const isSame = before?.since === since && before.newest === newest && !(run in kept);
    return isSame ? before : { since, newest, sums: kept };
  });
}

/** Remembers that runs were removed on purpose; the newest signed one that is left takes their place. */
export async function forgetRemoved(store: StorePlace, runs: readonly string[]): Promise<string | undefined> {
  const left = listRuns(store.path).findLast((run) => hasSignature(store.path, run)) ?? null;
  return await recordSigned(store, (before) => {
    if (before === undefined || before.newest === null || !runs.includes(before.newest)) return before;
    return { ...before, newest: left };
  });
}

const earliest = (one: string | undefined, other: string | undefined): string | undefined =>
  one === undefined || (other !== undefined && other < one) ? other : one;
