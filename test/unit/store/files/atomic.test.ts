import { lstatSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { createFileAtomic, writeFileAtomic } from "../../../../lib/store/files/atomic.ts";
import { tempDirectory } from "../../../support/temp.ts";

const disk = vi.hoisted(() => ({ links: true, renames: true }));
vi.mock(import("node:fs/promises"), async (original) => {
  const real = await original();
  const refuse = (): never => {
    throw Object.assign(new Error("EPERM: operation not permitted"), { code: "EPERM" });
  };
  return {
    ...real,
    link: async (from, to) => (disk.links ? await real.link(from, to) : refuse()),
    rename: async (from, to) => (disk.renames ? await real.rename(from, to) : refuse()),
  };
});

beforeEach(() => {
  disk.links = true;
  disk.renames = true;
});

describe.each([true, false])("creating, on a disk with links: %s", (links) => {
  test("one of many wins, and nothing else is left", async () => {
    disk.links = links;
    const directory = tempDirectory();
    const file = path.join(directory, "store.json");
    const texts = Array.from({ length: 10 }, (_, index) => `text ${index}`);
    const won = await Promise.all(texts.map((text) => createFileAtomic(file, text, { mode: 0o640 })));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(readFileSync(file, "utf8")).toBe(texts[won.indexOf(true)]);
    expect(lstatSync(file).mode & 0o777).toBe(0o640);
    expect(readdirSync(directory)).toEqual(["store.json"]);
  });
});

test("replacing leaves the old text, and nothing else, when it fails", async () => {
  const directory = tempDirectory();
  const file = path.join(directory, "stores.json");
  await writeFileAtomic(file, "old", { mode: 0o600 });
  disk.renames = false;
  await expect(writeFileAtomic(file, "new", { mode: 0o600 })).rejects.toThrow("EPERM");
  expect(readFileSync(file, "utf8")).toBe("old");
  expect(readdirSync(directory)).toEqual(["stores.json"]);
  disk.renames = true;
  await writeFileAtomic(file, "new", { mode: 0o644, tmp: directory });
  expect(readFileSync(file, "utf8")).toBe("new");
  expect(lstatSync(file).mode & 0o777).toBe(0o644);
});
