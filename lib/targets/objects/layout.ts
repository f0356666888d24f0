/** The object store, and the store's records of it: shared by the parts of the layout. */
import type { TargetKind } from "../../config/settings/targets/target.ts";
import { readAll } from "../core/content.ts";
import type { ObjectFacts, ObjectStore } from "../core/object-store.ts";
import { readReceipt, readReceipts } from "../core/receipts.ts";
import type { Receipt } from "../core/receipt.ts";
import type { TargetContext } from "../core/target.ts";

export interface Layout {
  readonly name: string;
  readonly kind: TargetKind;
  readonly objects: ObjectStore;
  readonly context: TargetContext;
}

/** Checks whether the target was found to allow something. */
export const allows = ({ objects }: Layout, right: "can_read" | "can_list" | "can_delete"): boolean =>
  objects.capabilities?.[right] === true;

export const receiptOf = ({ name, objects, context }: Layout, run: string): Receipt | undefined =>
  readReceipt(context.store, name, run, objects.address);

/** Returns all receipts of this place, oldest first. */
export const receiptsOf = ({ name, objects, context }: Layout): Receipt[] =>
  readReceipts(context.store, name, objects.address);

/** Reads an object of at most `most` bytes into memory; undefined if it is missing. Throws `E_REMOTE`, `E_VERIFY`. */
export async function readObject(
  { objects, context }: Layout,
  key: string,
  most: number,
  version?: string,
): Promise<Buffer | undefined> {
  if ((await objects.has(key, version)) === undefined) return undefined;
  return await readAll(key, await objects.get(key, { version }), most, context.signal);
}

/** Lists the objects below a prefix by key. */
export async function listed({ objects }: Layout, prefix: string): Promise<Map<string, ObjectFacts>> {
  const found = new Map<string, ObjectFacts>();
  for await (const facts of objects.list(prefix)) found.set(facts.key, facts);
  return found;
}
