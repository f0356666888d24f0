/** What killed commands leave in the `.tmp` of a store. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { fromString } from "../../archive/path.ts";
import { removeTree } from "../../archive/tree/remove.ts";
import { isLeftover } from "../files/layout.ts";

/**
 * Removes temporary files of killed runs, and runs that were being deleted. This is safe under the lock; other names in
 * `.tmp` belong to processes that wait for it.
 */
export function clearTemporary(store: string): void {
  const tmp = path.join(store, ".tmp");
  for (const name of readdirSync(tmp).filter(isLeftover)) removeTree(fromString(path.join(tmp, name)));
}
