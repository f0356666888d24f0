/** The receipts of a target in the store. */
import { readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import { tryReadDocument, writeDocumentAtomic } from "../../store/files/json-documents.ts";
import { isRunId } from "../../store/files/layout.ts";
import { receiptFile, receiptsDirectory, receiptSchema, type Receipt } from "./receipt.ts";

/** Lists the runs that the target acknowledged, oldest first. */
export function listReceipts(store: string, target: string): string[] {
  let names: string[];
  try {
    names = readdirSync(receiptsDirectory(store, target));
  } catch {
    return []; // nothing was pushed yet
  }
  return names
    .map((name) => path.basename(name, ".json"))
    .filter(isRunId)
    .toSorted();
}

/**
 * Returns the receipt of a run; undefined if it is missing, damaged, or of another place: the target of that name was
 * another bucket or directory then.
 */
export function readReceipt(store: string, target: string, run: string, address: string): Receipt | undefined {
  const receipt = tryReadDocument(receiptFile(store, target, run), receiptSchema);
  return receipt?.address === address && receipt.run === run ? receipt : undefined;
}

/** Returns all receipts of this place, oldest first. */
export const readReceipts = (store: string, target: string, address: string): Receipt[] =>
  listReceipts(store, target).flatMap((run) => readReceipt(store, target, run, address) ?? []);

/** Checks whether a target acknowledged a run, wherever the target was then. */
export const isAcknowledged = (store: string, target: string, run: string): boolean =>
  tryReadDocument(receiptFile(store, target, run), receiptSchema)?.run === run;

export async function writeReceipt(store: string, receipt: Receipt): Promise<void> {
  if (!isRunId(receipt.run)) throw new HoldfastError("E_INTERNAL", `${receipt.run} is not the id of a run`);
  await writeDocumentAtomic(receiptFile(store, receipt.target, receipt.run), receipt);
}

export function removeReceipt(store: string, target: string, run: string): void {
  rmSync(receiptFile(store, target, run), { force: true });
}
