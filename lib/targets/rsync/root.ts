/** The directory of a target: that it is there, and holds the store that is pushed, or nothing yet. */
import { existsSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import { storeSchema } from "../../model/run.ts";
import { printable } from "../../report/printable.ts";
import { readDocument } from "../../store/files/json-documents.ts";
import { openMirror } from "../../store/open.ts";
import { findDifferent, listItems } from "./listing.ts";
import { transfer } from "./transfer.ts";
import type { Tree } from "./tree.ts";

const STORE_FILE = "store.json";
/** Names that a file system or a probe makes. */
const NOT_CONTENT = new Set(["./", "lost+found/", "probe/"]);

/**
 * Makes the directory of a target the copy of the store: an empty one gets its `store.json`. Throws `E_REMOTE` if it is
 * missing, `E_STORE` if it holds another store or other files.
 */
export async function claimRoot(tree: Omit<Tree, "claim">): Promise<void> {
  const { place, context } = tree;
  const document = readDocument(path.join(context.store, STORE_FILE), storeSchema);
  if (place.directory === undefined) await claimRemote(tree);
  else
    for (const warning of (await openMirror(place.directory, document, { create: false })).warnings)
      context.onNote(warning);
}

async function claimRemote(tree: Omit<Tree, "claim">): Promise<void> {
  const { place, context } = tree;
  const names = await listItems(place, "", ["--exclude=/*/*"], tree.transfer);
  const other = (names ?? []).map((item) => item.path).filter((name) => !NOT_CONTENT.has(name));
  if (names !== undefined && other.length > 0 && !other.includes(STORE_FILE))
    throw new HoldfastError(
      "E_STORE",
      `${place.address} is not empty and holds no store: ${printable(other[0] ?? "")}`,
      {
        hint: "give the target an empty directory of its own",
      },
    );
  if (!other.includes(STORE_FILE)) {
    // Without a slash at their end: with one, rsync would make the directories in them as well.
    const files = [STORE_FILE, "runs", ...(existsSync(path.join(context.store, "evidence")) ? ["evidence"] : [])];
    const options = ["--times", "--perms", "--omit-dir-times", "--ignore-existing"];
    const operands = [`${context.store}/`, place.operand("")];
    await transfer(place, { options, operands, files }, tree.transfer);
  }
  const comparison = { source: context.store, directory: "", files: [STORE_FILE], by: "content" } as const;
  if ((await findDifferent(place, comparison, tree.transfer)).length > 0)
    throw new HoldfastError("E_STORE", `${place.address} holds another store`, {
      hint: "give each store a directory of its own on the target",
    });
}
