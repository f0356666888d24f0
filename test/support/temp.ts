/** Temporary directories for tests, removed afterwards whatever became of their modes. */
import { afterAll, onTestFinished } from "vitest";
import { makeTemp, removeTree } from "./temp-trees.ts";

export { makeTemp, removeTree } from "./temp-trees.ts";

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
