/** The extended attributes of the trees that an archive is built of, by absolute path. */
import { readFileSync } from "node:fs";
import type { BytePath, Xattrs } from "../entry.ts";
import { join } from "../path.ts";
import { DumpParser } from "./dump.ts";
import type { TreeXattrs } from "./read.ts";

/** Attributes that were read of trees before an archive is built of them. */
export interface KnownXattrs {
  /** The trees that have any. */
  readonly trees: readonly TreeXattrs[];
  /** When reading began: a later change is seen by the next run, whose fingerprint is another one. */
  readonly readMs: number;
}

/** Loads the attributes of the trees. */
export function loadXattrs({ trees }: KnownXattrs): Map<BytePath, Xattrs> {
  const known = new Map<BytePath, Xattrs>();
  for (const { root, file } of trees) {
    const parser = new DumpParser((below, xattrs) => known.set(below === "" ? root : join(root, below), xattrs));
    for (const line of readFileSync(file, "latin1").split("\n")) parser.line(line);
    parser.end();
  }
  return known;
}
