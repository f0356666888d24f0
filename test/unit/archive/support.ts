/** What the tests of archives share. */
import { chownSync } from "node:fs";
import { buildArchive } from "../../../lib/archive/build/archive.ts";
import type { BuildRequest, BuildResult } from "../../../lib/archive/build/request.ts";
import type { EntryAttributes } from "../../../lib/archive/entry.ts";

export const ATTRIBUTES: EntryAttributes = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 1_600_000_000_000_000_000n };

const NOBODY = 65_534;

/** Does something as a user from whom files can be kept; `directory` becomes that user's. The tests run as root. */
export async function asNobody(directory: string, work: () => unknown): Promise<void> {
  chownSync(directory, NOBODY, NOBODY);
  process.setegid?.(NOBODY);
  process.seteuid?.(NOBODY);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}

/** Builds an archive of one tree; everything but the format, the output and the tree has a default. */
export async function build(
  request: Pick<BuildRequest, "format" | "output"> & { tree: string } & Partial<BuildRequest>,
): Promise<BuildResult> {
  const { tree, ...rest } = request;
  const defaults = {
    level: 4,
    roots: [{ path: tree, prefix: "" }],
    exclude: [],
    recipe: "recipe",
    cancelled: () => false,
  };
  return await buildArchive({ ...defaults, ...rest });
}
