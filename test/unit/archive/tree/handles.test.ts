/** A tree that somebody changes while it is read: nothing of what lies outside of it comes along. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { TreeHandles } from "../../../../lib/archive/tree/handles.ts";
import { selectEntries, type Selected } from "../../../../lib/archive/build/select-entries.ts";
import { walk } from "../../../../lib/archive/tree/walk.ts";
import { tempDirectory } from "../../../support/temp.ts";

/** A tree with `d/one` and `d/two`, and beside it another `one` and `two` that are not of the tree. */
function twoTrees(): { tree: string; outside: string } {
  const [tree, outside] = [tempDirectory(), tempDirectory()];
  mkdirSync(`${tree}/d`);
  for (const name of ["one", "two"]) {
    writeFileSync(`${tree}/d/${name}`, "of the tree");
    writeFileSync(`${outside}/${name}`, "of somebody else");
  }
  return { tree, outside };
}

/** What a user of the site does at the worst of times. */
function swap({ tree, outside }: { tree: string; outside: string }): void {
  renameSync(`${tree}/d`, `${tree}/moved`);
  symlinkSync(outside, `${tree}/d`);
}

test("a directory that becomes a link once it was seen is not followed", () => {
  const trees = twoTrees();
  const found: string[] = [];
  const failed: string[] = [];
  const onError = (path: string): void => void failed.push(path);
  for (const { path } of walk(trees.tree, { onError })) {
    found.push(path);
    if (path === "d") swap(trees);
  }
  expect(found).toEqual(["d"]);
  expect(failed).toEqual(["d"]);
});

test("files of a directory that becomes a link while they are read are those of the directory, and it is named", () => {
  const trees = twoTrees();
  const moved: string[] = [];
  const report = {
    failed: refuse,
    vanished: refuse,
    sharedMemory: refuse,
    moved: (path: string) => void moved.push(path),
  };
  const read: string[] = [];
  for (const { entry, location } of selectEntries({ roots: [{ path: trees.tree, prefix: "" }], exclude: [] }, report)) {
    if (entry.type !== "file") continue;
    if (entry.path === "d/one") swap(trees);
    read.push(`${entry.path}: ${readFileSync(location, "utf8")}`);
  }
  expect(read).toEqual(["d/one: of the tree", "d/two: of the tree"]);
  expect(moved).toEqual([`${trees.tree}/d`]);
});

test("files that a list names are not looked for behind a link", () => {
  const trees = twoTrees();
  const list = `${tempDirectory()}/list`;
  const line = (path: string) =>
    `${JSON.stringify({ path, type: "file", size: 11, mtime: "0", sha256: null, id: "1" })}\n`;
  writeFileSync(list, line("d/one") + line("d/two"));
  const vanished: string[] = [];
  const report = {
    failed: refuse,
    moved: refuse,
    sharedMemory: refuse,
    vanished: (path: string) => void vanished.push(path),
  };
  const found: Selected[] = [];
  swap(trees);
  for (const one of selectEntries({ roots: [{ path: trees.tree, prefix: "", list }], exclude: [] }, report))
    found.push(one);
  expect(found.map(({ entry }) => entry.path)).toEqual([""]);
  expect(vanished).toEqual([`${trees.tree}/d/one`, `${trees.tree}/d/two`]);
});

test("a directory that is moved away is named, one that is removed is not", () => {
  for (const [change, expected] of [
    [(tree: string) => renameSync(`${tree}/d`, `${tree}/0`), ["d"]],
    [(tree: string) => rmSync(`${tree}/d`, { recursive: true }), []],
  ] as const) {
    const { tree } = twoTrees();
    const moved: string[] = [];
    for (const { path } of walk(tree, { onMoved: (at) => void moved.push(at), onError: () => {} }))
      if (path === "d/one") change(tree);
    expect(moved).toEqual(expected);
  }
});

test("a deep tree takes few handles, and its upper directories are found again", () => {
  const tree = tempDirectory();
  const deep = "d/".repeat(400);
  mkdirSync(`${tree}/${deep}`, { recursive: true });
  for (let at = 0; at <= 400; at += 100) writeFileSync(`${tree}/${"d/".repeat(at)}z`, "");
  const before = readdirSync("/proc/self/fd").length;
  let most = 0;
  const files: number[] = [];
  for (const { path, type } of walk(tree)) {
    most = Math.max(most, readdirSync("/proc/self/fd").length - before);
    if (type === "file") files.push(path.split("/").length - 1);
  }
  expect(files).toEqual([400, 300, 200, 100, 0]);
  expect(most).toBeLessThan(140);
  expect(readdirSync("/proc/self/fd")).toHaveLength(before);
});

test("what is above a directory that was moved to another place is not looked for there", () => {
  const [tree, elsewhere] = [tempDirectory(), tempDirectory()];
  mkdirSync(`${tree}/${"d/".repeat(300)}`, { recursive: true });
  writeFileSync(`${elsewhere}/z`, "of somebody else");
  const failed: string[] = [];
  const files: string[] = [];
  for (const { path, type } of walk(tree, { onError: (_at, error) => void failed.push(error.code ?? "") })) {
    if (type === "file") files.push(path);
    if (path.split("/").length === 300) renameSync(`${tree}/${"d/".repeat(50).slice(0, -1)}`, `${elsewhere}/moved`);
  }
  expect(failed).toEqual(["ESTALE"]);
  expect(files).toEqual([]);
});

test("handles find an entry by its path from any other", () => {
  const tree = tempDirectory();
  mkdirSync(`${tree}/a/b`, { recursive: true });
  mkdirSync(`${tree}/c`);
  for (const at of ["a/b/1", "a/2", "c/3", "4"]) writeFileSync(`${tree}/${at}`, at);
  const handles = new TreeHandles(tree);
  for (const at of ["a/b/1", "c/3", "a/2", "a/b/1", "4"]) expect(readFileSync(handles.locate(at), "utf8")).toBe(at);
  handles.close();
});

function refuse(): never {
  throw new Error("nothing of the kind was expected");
}
