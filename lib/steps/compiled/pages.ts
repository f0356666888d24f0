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
 * Where a link leads in the bundle; undefined when that text type is not in it. A page is looked for where its URL says, at the top of
 * its tree, and then in the directory that holds the linking page in its own tree: sites serve such a directory as if it were the top.
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
