/** Finds out what an account may do, by doing it in `probe/`. */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Capabilities } from "../core/capabilities.ts";
import { findDifferent, listItems } from "./listing.ts";
import { remoteFailure } from "./place/failure.ts";
import { runOnce, transfer } from "./transfer.ts";
import type { Tree } from "./tree.ts";

/** Probes a place. Throws `E_REMOTE` if it cannot be written to. */
export async function probePlace(tree: Tree): Promise<Capabilities> {
  const { place, transfer: context } = tree;
  const source = await mkdtemp(path.join(tmpdir(), "holdfast-probe-"));
  const name = randomUUID();
  try {
    await writeFile(path.join(source, name), `${name}\n`);
    const canRead = (await listItems(place, "", ["--exclude=/*/*"], context)) !== undefined;
    const send = {
      options: ["--times", "--mkpath"],
      operands: [`${source}/`, `${place.operand("probe")}/`],
      files: [name],
    };
    await transfer(place, send, context);
    const comparison = { source, directory: "probe", files: [name], by: "content" } as const;
    if ((await findDifferent(place, comparison, context)).length > 0)
      throw remoteFailure(place.address, "rsync", { stderr: "what was written is not there", exitCode: 0 });
    const canDelete = await removeProbe(tree, source, name);
    return {
      signed_payload: null,
      if_none_match: null,
      if_none_match_versioned: null,
      checksum_sha256: null,
      multipart_list: null,
      object_lock: null,
      lock_extend: null,
      can_read: canRead,
      can_list: canRead,
      can_delete: canDelete,
      owner: null,
    };
  } finally {
    await rm(source, { recursive: true, force: true });
  }
}

/** Removes what was written, by a shell or by rsync; returns false if neither may. */
async function removeProbe({ place, transfer: context }: Tree, source: string, name: string): Promise<boolean> {
  const hands = await place.hands();
  if (hands !== undefined) {
    await hands.remove([`probe/${name}`]);
    await hands.removeEmpty("probe");
    return true;
  }
  await rm(path.join(source, name));
  const options = ["--recursive", "--delete", `--include=/${name}`, "--exclude=*"];
  const { result } = await runOnce(place, { options, operands: [`${source}/`, `${place.operand("probe")}/`] }, context);
  return result.exitCode === 0;
}
