/** Which links of a tree may be in a package. */
import { expect, test } from "vitest";
import { staysInside } from "../../../../lib/ops/package/tree-checks.ts";

test.each([
  ["a", "b"],
  ["a/b/c", "../../d"],
  ["a/b", "./c/./d"],
  ["a/b", ".."],
  ["a", "..."],
])("%s → %s stays in its tree", (path, target) => {
  expect(staysInside(path, target)).toBe(true);
});

test.each([
  ["a", ".."],
  ["a/b", "../../c"],
  ["a", "/etc/passwd"],
  ["a", ""],
  ["a", "b\0c"],
  // Behind another link, `..` is not what it looks like.
  ["a/b", "c/../d"],
])("%s → %s does not", (path, target) => {
  expect(staysInside(path, target)).toBe(false);
});
