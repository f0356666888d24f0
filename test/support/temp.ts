/** Temporary directories for tests, removed afterwards whatever became of their modes. */
import { chmodSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, onTestFinished } from "vitest";

/** A new, empty directory for the running test, removed when the test ends. Its path is real: no link in it. */
export function tempDirectory(prefix = "holdfast-test-"): string {
  const directory = makeTemp(prefix);
  onTestFinished(() => removeTree(directory));
  return directory;
}

/** A new, empty directory for the tests of a file or a group, called where these are; removed after the last of them. */
export function suiteDirectory(prefix?: string): string {
  const directory = makeTemp(prefix);
  afterAll(() => removeTree(directory));
  return directory;
}

/** As `tempDirectory`; the caller gives it to `removeTree`. */
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
