/** Temporary directories for whoever removes them; without vitest, which processes of tests need not load. */
import { chmodSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes a new, empty directory. Its path is real: no link in it. */
export function makeTemp(prefix = "holdfast-test-"): string {
  return realpathSync(mkdtempSync(join(tmpdir(), prefix)));
}

/** Removes a tree, also where a test took away the right to enter a directory of it. */
export function removeTree(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true });
  } catch {
    unlock(Buffer.from(directory));
    rmSync(directory, { recursive: true, force: true });
  }
}

function unlock(directory: Buffer): void {
  chmodSync(directory, 0o700);
  for (const entry of readdirSync(directory, { withFileTypes: true, encoding: "buffer" })) {
    if (entry.isDirectory()) unlock(Buffer.concat([directory, Buffer.from("/"), entry.name]));
  }
}
