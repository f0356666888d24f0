/** Computes the size and digest of a tree, while it is packed and again after it was restored. */
import { createHash } from "node:crypto";
import type { BytePath, Entry } from "../../archive/entry.ts";
import { floorNs } from "../../archive/fingerprint.ts";
import { display, join, toBuffer } from "../../archive/path.ts";
import { statRoot, walk } from "../../archive/tree/walk.ts";
import { hashFile } from "../../store/files/hash.ts";
import { HoldfastError } from "../../errors.ts";
import type { TreeFacts } from "./format.ts";

/** Digests the entries of a tree, in the order of a walk. */
export class TreeDigest {
  readonly #hash = createHash("sha256");
  readonly #facts = { files: 0, directories: 0, symlinks: 0, bytes: 0 };

  /** Adds an entry: `content` is the sha256 of a file, `size` the bytes read of it. */
  add(entry: Pick<Entry, "path" | "type" | "mode" | "mtimeNs" | "target">, size: number, content: string): void {
    const { path, type, mode, mtimeNs, target } = entry;
    if (type === "file") {
      this.#facts.files++;
      this.#facts.bytes += size;
    } else if (type === "directory") this.#facts.directories++;
    else this.#facts.symlinks++;
    const seconds = floorNs(mtimeNs, 1_000_000_000n) / 1_000_000_000n;
    // The mode of a link is not set by anyone, and the time of a directory changes with what is created in it.
    const own = type === "symlink" ? target : type === "directory" ? String(mode) : `${mode} ${seconds} ${content}`;
    this.#hash.update(Buffer.from(`${type}\0${path}\0${own}\n`, "latin1"));
  }

  finish(): TreeFacts {
    return { ...this.#facts, digest: this.#hash.digest("hex") };
  }
}

/** Reads the whole tree at `root`. Throws `E_TARGET` if it is not a directory. */
export async function treeFacts(root: BytePath, signal: AbortSignal): Promise<TreeFacts> {
  const digest = new TreeDigest();
  if (statRoot(root).type !== "directory") throw new HoldfastError("E_TARGET", `${display(root)} is not a directory`);
  for (const entry of walk(root)) {
    signal.throwIfAborted();
    if (entry.type === "file") {
      const { size, sha256 } = await hashFile(toBuffer(join(root, entry.path)), signal);
      digest.add(entry, size, sha256);
    } else digest.add(entry, 0, "");
  }
  return digest.finish();
}

/**
 * Checks whether a link of a tree points inside it. `..` may only come first: after another link its meaning would
 * change.
 */
export function staysInside(path: BytePath, target: BytePath): boolean {
  if (target === "" || target.startsWith("/") || target.includes("\0")) return false;
  const parts = target.split("/").filter((part) => part !== "" && part !== ".");
  const up = parts.findIndex((part) => part !== "..");
  const ups = up === -1 ? parts.length : up;
  const depth = path.split("/").length - 1;
  return ups <= depth && !parts.slice(ups).includes("..");
}
