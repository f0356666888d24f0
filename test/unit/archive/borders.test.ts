/** Where the old fields of zip and tar end. The borders are moved down, so that small archives cross them. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { EntryAttributes } from "../../../lib/archive/entry.ts";
import { PIECE_SIZE } from "../../../lib/archive/tree/read-stable.ts";
import { ArchiveSink } from "../../../lib/archive/output.ts";
import { BLOCK, TAR_LIMITS, tarHeaders } from "../../../lib/archive/tar/format.ts";
import { TgzWriter, type TgzOptions } from "../../../lib/archive/tar/writer.ts";
import { verifyTgz } from "../../../lib/archive/tar/tgz-reader.ts";
import type { TarEntry } from "../../../lib/archive/tar/reader.ts";
import { readZipDirectory } from "../../../lib/archive/zip/directory.ts";
import { verifyZip } from "../../../lib/archive/zip/reader.ts";
import { lstatEntry } from "../../../lib/archive/tree/walk.ts";
import { ZipWriter, type ZipOptions } from "../../../lib/archive/zip/writer.ts";
import { tempDirectory } from "../../support/temp.ts";
import { ATTRIBUTES } from "./support.ts";
import { PYTHON } from "../../support/python.ts";

function zip(options: Partial<ZipOptions>, work: (writer: ZipWriter) => void): string {
  const path = `${tempDirectory()}/archive.zip`;
  const sink = new ArchiveSink(path);
  const writer = new ZipWriter(sink, { level: 4, ...options });
  work(writer);
  writer.close();
  sink.finish();
  return path;
}

function tgz(options: Partial<TgzOptions>, work: (writer: TgzWriter) => void): string {
  const path = `${tempDirectory()}/archive.tgz`;
  const sink = new ArchiveSink(path);
  const writer = new TgzWriter(sink, { level: 4, ...options });
  work(writer);
  writer.close();
  sink.finish();
  return path;
}

const python = (code: string, path: string): string =>
  execFileSync(PYTHON, ["-c", `import sys, zipfile, tarfile\n${code}`, path], { encoding: "utf8" });
const END64 = Buffer.from("PK\x06\x06");

test.each([2999, 3000, 3001])("zip64 sizes and offsets, border at 3000, content of %d bytes", async (size) => {
  const directory = tempDirectory();
  writeFileSync(`${directory}/streamed`, Buffer.alloc(PIECE_SIZE + 1, "x"));
  const noise = execFileSync("head", ["-c", String(size), "/dev/urandom"]);
  const path = zip({ zip64: { bytes: 3000, entries: 0xffff } }, (writer) => {
    writer.addBytes("noise", noise, ATTRIBUTES);
    writer.addBytes("text", Buffer.alloc(size, "x"), ATTRIBUTES);
    writer.addDirectory("directory", ATTRIBUTES);
    writer.addFile("streamed", `${directory}/streamed`, ATTRIBUTES);
    writer.addFile("streamed.mp3", `${directory}/streamed`, ATTRIBUTES);
  });
  for (const argv of [
    ["unzip", "-tq", path],
    ["7z", "t", path],
    ["bsdtar", "-tf", path],
  ])
    execFileSync(argv[0] ?? "", argv.slice(1));
  expect(python("print(zipfile.ZipFile(sys.argv[1]).testzip())", path)).toBe("None\n");
  expect(execFileSync("unzip", ["-p", path, "noise"]).equals(noise)).toBe(true);
  expect(execFileSync("bsdtar", ["-xOf", "-", "text"], { input: readFileSync(path) })).toHaveLength(size); // from a pipe: local headers only
  expect(await verifyZip(path)).toEqual({ entries: 5, bytes: 2 * size + 2 * PIECE_SIZE + 2 });
  expect(readZipDirectory(path).map((entry) => entry.size)).toEqual([size, size, 0, PIECE_SIZE + 1, PIECE_SIZE + 1]);
  expect(readFileSync(path).includes(END64)).toBe(true);
});

test.each([
  [65_534, false],
  [65_535, true],
  [65_536, true],
])("%d entries: zip64 end record %s", async (count, zip64) => {
  const path = zip({}, (writer) => {
    for (let index = 0; index < count; index++) writer.addBytes(`file ${index}`, Buffer.alloc(0), ATTRIBUTES);
  });
  expect(readFileSync(path).includes(END64)).toBe(zip64);
  expect(python("print(len(zipfile.ZipFile(sys.argv[1]).namelist()))", path)).toBe(`${count}\n`);
  expect(
    execFileSync("unzip", ["-Z1", path], { maxBuffer: 1 << 28 })
      .toString()
      .split("\n"),
  ).toHaveLength(count + 1);
  expect(await verifyZip(path)).toEqual({ entries: count, bytes: 0 });
});

const entries = async (path: string): Promise<TarEntry[]> => {
  const found: TarEntry[] = [];
  await verifyTgz(path, (entry) => found.push(entry));
  return found;
};

test.each([2999, 3000, 3001])("a tar size too large for its field, border at 3000: %d", async (size) => {
  const content = Buffer.alloc(size, "x");
  const path = tgz({ limits: { size: 3000 } }, (writer) => {
    writer.addBytes("large", content, ATTRIBUTES);
    writer.addBytes("after", Buffer.from("after"), ATTRIBUTES);
  });
  expect(execFileSync("tar", ["xzOf", path, "large"]).equals(content)).toBe(true);
  expect(execFileSync("bsdtar", ["-xOf", path, "large"]).equals(content)).toBe(true);
  expect(python("print([m.size for m in tarfile.open(sys.argv[1])])", path)).toBe(`[${size}, 5]\n`);
  expect((await entries(path)).map((entry) => entry.size)).toEqual([size, 5]);
});

test.each([
  [0o77777777777, "77777777777\0", false],
  [0o100000000000, "00000000000\0", true],
  [2 ** 50, "00000000000\0", true],
])("a file of %d bytes has the size field %j, a pax header: %s", (size, field, pax) => {
  const record = { name: "a", type: "file" as const, attributes: ATTRIBUTES, size, linkname: "", user: "", group: "" };
  const headers = tarHeaders(record, TAR_LIMITS);
  expect(headers.toString("latin1", headers.length - BLOCK + 124, headers.length - BLOCK + 136)).toBe(field);
  expect(headers.includes(` size=${size}\n`)).toBe(pax);
});

test.each<[string, Partial<EntryAttributes>]>([
  ["the largest ids that fit", { uid: 0o7777777, gid: 0o7777777 }],
  ["ids that do not", { uid: 0o10000000, gid: 4_294_967_294 }],
  ["a fraction of a second", { mtimeNs: 1_600_000_000_123_456_700n }],
  ["before 1970", { mtimeNs: -1_000_000_000n }],
  ["half a second before 1970", { mtimeNs: -500_000_000n }],
  ["the last second that fits", { mtimeNs: 0o77777777777n * 1_000_000_000n }],
  ["the first that does not", { mtimeNs: 0o100000000000n * 1_000_000_000n }],
])("tar attributes: %s", async (_, some) => {
  const attributes = { ...ATTRIBUTES, ...some };
  const path = tgz({}, (writer) => writer.addBytes("a", Buffer.from("a"), attributes));
  expect(await entries(path)).toMatchObject([{ path: "a", ...attributes }]);
  const seconds = `${attributes.mtimeNs / 1_000_000_000n}`;
  const listed = execFileSync("tar", ["tvzf", path, "--numeric-owner"], { encoding: "utf8" });
  expect(listed).toContain(`${attributes.uid}/${attributes.gid}`);
  const into = tempDirectory();
  execFileSync("tar", ["xzpf", path, "-C", into], { stdio: "pipe" }); // what it lists is off by a second for fractions before 1970
  expect(lstatEntry(`${into}/a`, "a")).toMatchObject(attributes);
  expect(python("m = tarfile.open(sys.argv[1]).getmembers()[0]; print(m.uid, m.gid, int(m.mtime))", path)).toBe(
    `${attributes.uid} ${attributes.gid} ${seconds}\n`,
  );
});

test("user and group names, ASCII, long, or neither", async () => {
  const names = ["", "www-data", "n".repeat(31), "n".repeat(32), "jos\u00e9"];
  const owners = { user: (uid: number) => names[uid] ?? "", group: (gid: number) => names[gid] ?? "" };
  const path = tgz({ owners }, (writer) =>
    names.forEach((_, id) => writer.addBytes(`${id}`, Buffer.alloc(0), { ...ATTRIBUTES, uid: id, gid: id })),
  );
  expect((await entries(path)).map(({ user }) => Buffer.from(user, "latin1").toString())).toEqual(names);
  expect(python("print([m.uname + m.gname for m in tarfile.open(sys.argv[1])])", path)).toBe(
    `['', ${names
      .slice(1)
      .map((name) => `'${name}${name}'`)
      .join(", ")}]\n`,
  );
});

test("links with long names and long targets, UTF-8 or not", async () => {
  const long = ["x".repeat(100), "x".repeat(101), "\xc3\xa9".repeat(60), "\xe9".repeat(150)];
  const path = tgz({}, (writer) => {
    long.forEach((name, index) => {
      writer.addBytes(name, Buffer.from("content"), ATTRIBUTES);
      writer.addHardlink(`hard ${index} ${name}`, name, ATTRIBUTES);
      writer.addSymlink(`soft ${index} ${name}`, name, ATTRIBUTES);
    });
  });
  const expected = long.flatMap((name, index) => [
    { path: name, type: "file", linkname: "" },
    { path: `hard ${index} ${name}`, type: "hardlink", linkname: name },
    { path: `soft ${index} ${name}`, type: "symlink", linkname: name },
  ]);
  expect(await entries(path)).toMatchObject(expected);
  const into = tempDirectory();
  for (const tool of ["tar", "bsdtar"]) {
    execFileSync(tool, ["-xzf", path, "-C", into]);
    for (const { path: name } of expected) {
      const file = Buffer.concat([Buffer.from(`${into}/`), Buffer.from(name, "latin1")]);
      expect(readFileSync(file, "utf8")).toBe("content");
    }
  }
});

test("several gzip members are one archive, and each can be copied as it is", async () => {
  const lengths: number[] = [];
  const path = tgz({}, (writer) => {
    for (const name of ["one", "two", "three"]) {
      writer.addBytes(name, Buffer.from(name), ATTRIBUTES);
      lengths.push(writer.endMember());
    }
  });
  expect(execFileSync("tar", ["tzf", path], { encoding: "utf8" })).toBe("one\ntwo\nthree\n");
  expect((await verifyTgz(path)).entries).toBe(3);
  const middle = readFileSync(path).subarray(lengths[0], lengths[1]);
  expect(execFileSync("gzip", ["-dc"], { input: middle }).toString("latin1", 512, 515)).toBe("two");
});
