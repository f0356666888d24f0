/** Unpacking asks the kernel for another owner only where a file has another one. */
import { chmodSync, chownSync, fchownSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { unpackArchive } from "../../../../lib/archive/unpack/archive.ts";
import { tempDirectory } from "../../../support/temp.ts";
import { build } from "../support.ts";

vi.mock(import("node:fs"), async (original) => {
  const fs = await original();
  return { ...fs, fchownSync: vi.fn<typeof fchownSync>(fs.fchownSync) };
});

test.each(["zip", "tgz"] as const)("%s: no call for a file that has its owner, one for any other", async (format) => {
  const base = tempDirectory();
  mkdirSync(`${base}/tree`);
  for (const name of ["a", "b", "c"]) writeFileSync(`${base}/tree/${name}`, name);
  chownSync(`${base}/tree/c`, 1234, 4321);
  await build({ format, output: `${base}/a.${format}`, tree: `${base}/tree` });
  const calls = async (into: string): Promise<number> => {
    vi.mocked(fchownSync).mockClear();
    await unpackArchive({
      archive: `${base}/a.${format}`,
      format,
      targets: [{ prefix: "", into }],
      owners: { users: {}, groups: {} },
      limits: { bytes: 1e9, entries: 1e6, depth: 1000 },
      cancelled: () => false,
    });
    const owners = ["a", "b", "c"].map((name) => statSync(`${into}/${name}`)).map(({ uid, gid }) => [uid, gid]);
    expect(owners).toEqual([
      [0, 0],
      [0, 0],
      [1234, 4321],
    ]);
    return vi.mocked(fchownSync).mock.calls.length;
  };
  expect(await calls(`${base}/out`)).toBe(1);
  // What is made in this one gets its group.
  mkdirSync(`${base}/other`);
  chownSync(`${base}/other`, 0, 4321);
  chmodSync(`${base}/other`, 0o2755);
  expect(await calls(`${base}/other`)).toBe(3);
});
