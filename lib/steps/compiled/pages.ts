/** Links from compiled pages to compiled pages. */
import { lstatSync } from "node:fs";
import type { BytePath } from "../../archive/entry.ts";
import { fromString, join, toBuffer } from "../../archive/path.ts";
import type { CompiledTree } from "./request.ts";
import { resolveDots, type Captured } from "./rewrite/url-template.ts";

export interface PageTarget {
  /** The page's path in the bundle. */
  readonly path: BytePath;
  readonly exists: boolean;
}

/**
 * Returns the target of a link in the bundle; undefined if its text type is not in it. A page is looked up at the top
 * of its tree, and then in the directory of the linking page: sites serve such a directory as if it were the top.
 */
export function findPage(
  trees: readonly CompiledTree[],
  from: { readonly tree: CompiledTree; readonly path: BytePath },
  values: Captured,
): PageTarget | undefined {
  const textType = values.text_type;
  const tree = textType === undefined ? from.tree : trees.find((one) => fromString(one.textType) === textType);
  const page = resolveDots(values.page ?? "");
  if (tree === undefined || page === undefined) return undefined;
  const directory = from.path.slice(0, Math.max(from.path.lastIndexOf("/"), 0));
  const places = [page, join(directory, page)];
  const found = places.find((place) => isThere(join(tree.path, place)));
  return { path: join(tree.prefix, found ?? page), exists: found !== undefined };
}

function isThere(path: BytePath): boolean {
  try {
    return lstatSync(toBuffer(path), { throwIfNoEntry: false })?.isDirectory() === false;
  } catch {
    return false; // a component that is too long, or no directory
  }
}
