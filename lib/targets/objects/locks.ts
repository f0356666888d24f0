/** Extends the locks of what runs still need: an object is locked for its newest run, not once for all. */
import { forEachParallel } from "../../store/files/for-each-parallel.ts";
import { writeReceipt } from "../core/receipts.ts";
import type { ReceivedFile } from "../core/receipt.ts";
import { receiptsOf, type Layout } from "./layout.ts";

const AT_ONCE = 4;

const nameOf = ({ key, version_id }: ReceivedFile): string => `${key}\0${version_id ?? ""}`;

/** Extends the locks of which less than half remains. Returns the number of objects. */
export async function extendLocks(neededRuns: () => Promise<readonly string[]>, layout: Layout): Promise<number> {
  const { objects, context } = layout;
  const until = objects.lockUntil();
  if (until === undefined) return 0;
  const runs = await neededRuns();
  const half = new Date((Date.now() + until.getTime()) / 2);
  const receipts = receiptsOf(layout);
  const due = new Map<string, ReceivedFile>();
  for (const { files } of receipts.filter(({ run }) => runs.includes(run)))
    for (const file of files)
      if (file.locked_until === null || new Date(file.locked_until) < half) due.set(nameOf(file), file);
  if (due.size === 0) return 0;
  await forEachParallel(due.values(), AT_ONCE, async ({ key, version_id }) => {
    context.signal.throwIfAborted();
    await objects.extendLock(key, version_id ?? undefined, until);
  });
  const locked_until = until.toISOString();
  for (const receipt of receipts) {
    const files = receipt.files.map((file) => (due.has(nameOf(file)) ? { ...file, locked_until } : file));
    if (receipt.files.some((file) => due.has(nameOf(file)))) await writeReceipt(context.store, { ...receipt, files });
  }
  return due.size;
}
