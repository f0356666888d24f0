/** A tree of runs on a target, as all that works on it sees it. */
import type { TargetKind } from "../../config/settings/targets/target.ts";
import { HoldfastError } from "../../errors.ts";
import { printable } from "../../report/printable.ts";
import type { TargetContext } from "../core/target.ts";
import type { Receipt } from "../core/receipt.ts";
import { readReceipt } from "../core/receipts.ts";
import { NOTHING_FOUND, type FoundRun } from "./attempts.ts";
import { listRunPlaces } from "./listing.ts";
import type { Place } from "./place/interface.ts";
import type { TransferContext } from "./transfer.ts";

export interface Tree {
  readonly name: string;
  readonly kind: TargetKind;
  readonly place: Place;
  readonly context: TargetContext;
  readonly transfer: TransferContext;
  /** Makes the directory a copy of the store, once; see root.ts. */
  claim(): Promise<void>;
}

export const receiptOf = ({ name, place, context }: Tree, run: string): Receipt | undefined =>
  readReceipt(context.store, name, run, place.address);

/** Returns the directory in `runs/` that a receipt names. */
export const directoryOf = (receipt: Receipt): string | undefined =>
  /^runs\/([^/]+)\//.exec(receipt.files[0]?.key ?? "")?.[1];

/** Lists the runs there. Throws `E_REMOTE`, also where the account may only write. */
export async function listRuns(tree: Tree): Promise<Map<string, FoundRun>> {
  const found = await listRunPlaces(tree.place, tree.transfer);
  if (found !== undefined) return found;
  throw new HoldfastError("E_REMOTE", `${tree.place.address}: the account may only write`, {
    hint: "list the runs with an account that may read; what was sent from here is under targets/ in the store",
  });
}

/** Returns the directory of a complete run there. Throws `E_RUN_UNKNOWN`, `E_REMOTE`. */
export async function completeDirectory(tree: Tree, run: string): Promise<string> {
  const { complete } = (await listRuns(tree)).get(run) ?? NOTHING_FOUND;
  if (complete !== undefined) return `runs/${complete}`;
  throw new HoldfastError("E_RUN_UNKNOWN", `${tree.place.address} has no complete run ${printable(run)}`, {
    hint: `npx tsx scripts/push.ts sends the runs of the store`,
  });
}
