import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Entry } from "../../../../lib/archive/entry.ts";
import { comparePaths, statRoot, walk, type WalkOptions } from "../../../../lib/archive/tree/walk.ts";
import { plantAwkward } from "../../../support/sites/awkward.ts";
import { asNobody } from "../support.ts";
import { tempDirectory } from "../../../support/temp.ts";

const paths = (root: string, options?: WalkOptions): string[] => Array.from(walk(root, options), (entry) => entry.path);

test("finds every entry that find(1) does, in the order of comparePaths", () => {
  const root = tempDirectory();
  plantAwkward(root);
  const found = execFileSync("find", [root, "-mindepth", "1", "-printf", "%P\\0"], { encoding: "latin1" });
  const expected = found.split("\0").slice(0, -1).toSorted(comparePaths);
  expect(expected.length).toBeGreaterThan(100);
  expect(paths(root)).toEqual(expected);
});

test("orders by component: what is in a directory comes before a name that only begins like it", () => {
  const root = tempDirectory();
  mkdirSync(`${root}/a`);
  for (const name of ["a-b", "a/b", "a.c", "a0", "B"]) writeFileSync(`${root}/${name}`, "");
  expect(paths(root)).toEqual(["B", "a", "a/b", "a-b", "a.c", "a0"]);
  expect(["a0", "a/b", "a", "a-b"].toSorted(comparePaths)).toEqual(["a", "a/b", "a-b", "a0"]);
});

test("never follows a link, but the root's own", () => {
  const root = tempDirectory();
  mkdirSync(`${root}/real/sub`, { recursive: true });
  symlinkSync("..", `${root}/real/sub/loop`);
  symlinkSync("real", `${root}/link`);
  expect(paths(`${root}/link`)).toEqual(["sub", "sub/loop"]);
  expect(statRoot(`${root}/link`)).toMatchObject({ path: "", type: "directory" });
  const loop = Array.from(walk(`${root}/real`)).find((entry) => entry.path === "sub/loop");
  expect(loop).toMatchObject({ type: "symlink", target: ".." });
});

test("tells types, modes and times to the nanosecond, before 1970 too", () => {
  const root = tempDirectory();
  plantAwkward(root);
  const entries = new Map(Array.from(walk(root), (entry): [string, Entry] => [entry.path, entry]));
  expect(entries.get("fifo")?.type).toBe("fifo");
  expect(entries.get("setuid")?.mode).toBe(0o4755);
  expect(entries.get("with nanoseconds")?.mtimeNs).toBe(1_600_000_000_123_456_789n);
  expect(entries.get("before 1970")?.mtimeNs).toBe(-863_999_500_000_000n);
  expect(entries.get("link to an invalid name")?.target).toBe("target \xff");
});

test("a deep tree does not overflow the stack", () => {
  const root = tempDirectory();
  try {
    mkdirSync(`${root}/${"d/".repeat(1900)}`, { recursive: true });
    expect(paths(root)).toHaveLength(1900);
  } finally {
    execFileSync("rm", ["-r", "--", `${root}/d`]); // Node's own removal does overflow
  }
});

test("excludes a directory with what is in it", () => {
  const root = tempDirectory();
  mkdirSync(`${root}/a/store/x`, { recursive: true });
  writeFileSync(`${root}/a/kept`, "");
  const exclude = (path: string, type: string): boolean => path === "a/store" && type === "directory";
  expect(paths(root, { exclude })).toEqual(["a", "a/kept"]);
});

test("only the loose files of the top level, links among them", () => {
  const root = tempDirectory();
  mkdirSync(`${root}/a`);
  writeFileSync(`${root}/a/inside`, "");
  writeFileSync(`${root}/loose`, "");
  symlinkSync("a", `${root}/link`);
  expect(paths(root, { files: true })).toEqual(["link", "loose"]);
});

test("a name that is gone when its turn comes is reported, and the walk goes on", () => {
  const root = tempDirectory();
  for (const name of ["1", "2", "3"]) writeFileSync(`${root}/${name}`, "");
  const errors: [string, string | undefined][] = [];
  const seen: string[] = [];
  for (const { path } of walk(root, { onError: (path, error) => errors.push([path, error.code]) })) {
    seen.push(path);
    rmSync(`${root}/2`, { force: true });
  }
  expect(seen).toEqual(["1", "3"]);
  expect(errors).toEqual([["2", "ENOENT"]]);
});

test("a directory that cannot be listed is reported, or thrown without a listener", async () => {
  const root = tempDirectory();
  mkdirSync(`${root}/closed`, { mode: 0 });
  writeFileSync(`${root}/open`, "");
  const errors: [string, string | undefined][] = [];
  await asNobody(root, () => {
    expect(() => readdirSync(`${root}/closed`)).toThrow("EACCES"); // else this test proves nothing
    expect(paths(root, { onError: (path, error) => errors.push([path, error.code]) })).toEqual(["closed", "open"]);
    expect(() => paths(root)).toThrow("EACCES");
  });
  expect(errors).toEqual([["closed", "EACCES"]]);
});
