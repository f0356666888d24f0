/** Temporary directories for secrets and copies of databases. */
import { existsSync, lstatSync, mkdtempSync, readdirSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";

/** A directory of mode 0700 that goes away with `remove()`, when `signal` aborts, or when the process exits. */
export interface PrivateDirectory {
  readonly path: string;
  remove(): void;
}

/** Creates one, and takes away what processes left that were killed before they could. */
export function privateDirectory(signal?: AbortSignal, parent: string = tmpdir()): PrivateDirectory {
  signal?.throwIfAborted();
  sweep(parent);
  const path = mkdtempSync(join(parent, `holdfast-${pidNamespace()}-${process.pid}-`));
  const remove = (): void => {
    signal?.removeEventListener("abort", remove);
    process.off("exit", remove);
    removeTree(fromString(path));
  };
  signal?.addEventListener("abort", remove, { once: true });
  process.on("exit", remove);
  return { path, remove };
}

function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    const [, namespace, pid] = /^holdfast-(\d+)-(\d+)-/.exec(name) ?? [];
    if (namespace !== pidNamespace() || existsSync(`/proc/${pid}`)) continue;
    try {
      removeTree(fromString(join(parent, name))); // one that root made may belong to the user of its server by now
    } catch {
      // another user's
    }
  }
}

/** Containers may share a temporary directory: there the same number is another process. */
function pidNamespace(): string {
  return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "";
}

/** Returns whether a path is a directory that this user has made: in a shared one anybody may make others. */
export function isOurs(directory: string | Buffer): boolean {
  const stats = lstatSync(directory, { throwIfNoEntry: false });
  return stats?.isDirectory() === true && stats.uid === process.geteuid?.();
}
