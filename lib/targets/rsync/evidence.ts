/** Evidence in a tree: `evidence/`, as in the store. */
import path from "node:path";
import { printable } from "../../report/printable.ts";
import type { LocalFile } from "../core/local-run.ts";
import { findDifferent, listItems } from "./listing.ts";
import { transfer } from "./transfer.ts";
import type { Tree } from "./tree.ts";

/** Sends the files of evidence that differ there. What the account may not replace is reported. */
export async function sendEvidence(tree: Tree, files: readonly LocalFile[]): Promise<void> {
  const [first] = files;
  if (first === undefined) return;
  await tree.claim();
  const source = first.file.slice(0, -first.path.length - 1);
  const paths = files.map((file) => file.path);
  const comparison = { source, directory: "evidence", files: paths, by: "content" } as const;
  const different = await findDifferent(tree.place, comparison, tree.transfer);
  if (different.length === 0) return;
  const options = ["--archive", "--no-D", "--mkpath"];
  const operands = [`${source}/`, `${tree.place.operand("evidence")}/`];
  await transfer(tree.place, { options, operands, files: different }, tree.transfer);
  for (const file of await findDifferent(tree.place, { ...comparison, files: different }, tree.transfer))
    tree.context.onNote(
      `${tree.place.address}: ${printable(path.join("evidence", file))} has changed since it was sent, and the account may not replace it`,
    );
}

/** Lists the paths of evidence, below `evidence/`. Throws `E_REMOTE`. */
export async function listEvidence(tree: Tree): Promise<string[]> {
  const filters = ["--include=/evidence/", "--include=/evidence/**", "--exclude=*"];
  const items = (await listItems(tree.place, "", filters, tree.transfer)) ?? [];
  return items
    .map((item) => item.path)
    .filter((name) => name.startsWith("evidence/") && !name.endsWith("/"))
    .map((name) => name.slice("evidence/".length))
    .toSorted();
}
