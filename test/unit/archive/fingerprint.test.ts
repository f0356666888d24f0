import { expect, test } from "vitest";
import { ContentDigest } from "../../../lib/archive/content-digest.ts";
import type { Entry } from "../../../lib/archive/entry.ts";
import { FingerprintBuilder } from "../../../lib/archive/fingerprint.ts";
import { createHash } from "node:crypto";

const SECOND = 1_000_000_000n;
const NOW = Date.UTC(2026, 10, 20);
const ENTRY: Entry = {
  path: "a",
  type: "file",
  mode: 0o644,
  uid: 1,
  gid: 2,
  size: 3,
  mtimeNs: 1_600_000_000n * SECOND,
  ctimeNs: 1_600_000_000n * SECOND,
  dev: 1n,
  ino: 5n,
  nlink: 1,
  target: "",
};

const fingerprint = (entries: Partial<Entry>[], recipe = "recipe", startedMs = NOW) => {
  const builder = new FingerprintBuilder(recipe);
  for (const entry of entries) builder.add({ ...ENTRY, ...entry });
  return builder.finish(startedMs);
};

test.each<[string, Partial<Entry>]>([
  ["path", { path: "b" }],
  ["type", { type: "directory" }],
  ["mode", { mode: 0o600 }],
  ["uid", { uid: 9 }],
  ["gid", { gid: 9 }],
  ["size", { size: 9 }],
  ["mtime by a nanosecond", { mtimeNs: ENTRY.mtimeNs + 1n }],
  ["ctime by a nanosecond", { ctimeNs: ENTRY.ctimeNs + 1n }],
  ["inode", { ino: 9n }],
  ["link count", { nlink: 2 }],
  ["link target", { target: "x" }],
])("another %s, another fingerprint", (_, change) => {
  expect(fingerprint([change]).fingerprint).not.toBe(fingerprint([{}]).fingerprint);
});

test("the recipe counts, and nothing runs together with what follows it", () => {
  expect(fingerprint([{}], "other").fingerprint).not.toBe(fingerprint([{}]).fingerprint);
  expect(fingerprint([{ uid: 1, gid: 23 }]).fingerprint).not.toBe(fingerprint([{ uid: 12, gid: 3 }]).fingerprint);
  expect(fingerprint([{}], "a\0").fingerprint).not.toBe(fingerprint([{ path: "\0a" }], "a").fingerprint);
});

test("the root counts for the digest and not among the directories", () => {
  const root = { path: "", type: "directory" } as const;
  expect(fingerprint([root, {}])).toMatchObject({ directories: 0, files: 1, bytes: 3 });
  expect(fingerprint([{ ...root, mode: 0o700 }, {}]).fingerprint).not.toBe(fingerprint([root, {}]).fingerprint);
});

test.each([
  ["two seconds before the walk", -2000, null],
  ["just before that", -2001, "kept"],
  ["during it", 500, null],
])("an input changed %s", (_, offset, expected) => {
  const changed = BigInt(NOW + offset) * 1_000_000n;
  const check = (entry: Partial<Entry>) => fingerprint([entry]).fingerprint === null;
  expect(check({ ctimeNs: changed })).toBe(expected === null);
  expect(check({ mtimeNs: changed })).toBe(expected === null && NOW + offset <= Date.now() + 2000);
});

test("an mtime in the far future, set by hand, does not forbid reuse for ever", () => {
  expect(fingerprint([{ mtimeNs: BigInt(Date.now() + 86_400_000) * 1_000_000n }]).fingerprint).not.toBeNull();
});

test.each([
  [1_600_000_000_123_999_999n, "2020-09-13T12:26:40.123Z"],
  [-500_000n, "1969-12-31T23:59:59.999Z"],
  [-863_999_500_000_000n, "1969-12-22T00:00:00.500Z"],
  [10n ** 21n, "9999-12-31T23:59:59.999Z"],
])("an mtime of %s ns is %s", (mtimeNs, expected) => {
  expect(fingerprint([{ mtimeNs }]).newest_mtime).toBe(expected);
});

test("the content digest is that of its documented form, byte for byte", () => {
  const digest = new ContentDigest();
  const sha256 = "0".repeat(64);
  digest.add({ ...ENTRY, path: "", type: "directory" }, null);
  digest.add({ ...ENTRY, path: "d", type: "directory", mode: 0o2755, size: 4096 }, null);
  digest.add({ ...ENTRY, path: "d/caf\xe9", mtimeNs: -500_000_000n }, sha256);
  digest.add({ ...ENTRY, path: "fifo", type: "fifo" }, null);
  digest.add({ ...ENTRY, path: "link", type: "symlink", mode: 0o777, size: 4, target: "to\nit" }, null);
  const form =
    "holdfast content 1\n" +
    "d\0d\x002755\x001\x002\x000\x001600000000\0\0\n" +
    `d/caf\xe9\0f\x00644\x001\x002\x003\x00-1\0\0${sha256}\n` +
    "link\0l\x00777\x001\x002\x000\x001600000000\0to\nit\0\n";
  expect(digest.finish()).toBe(createHash("sha256").update(form, "latin1").digest("hex"));
});
