/** Unpacking: what went in comes out, the digest is that of the builder, and hostile archives reach nothing outside of their target. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { unpackArchive } from "../../../../lib/archive/unpack/archive.ts";
import type { UnpackRequest, UnpackResult } from "../../../../lib/archive/unpack/request.ts";
import { plantAwkward } from "../../../support/sites/awkward.ts";
import { compareTrees } from "../../../support/compare.ts";
import { tempDirectory } from "../../../support/temp.ts";
import { asNobody, build } from "../support.ts";
import { PYTHON } from "../../../support/python.ts";

const LIMITS = { bytes: 1e9, entries: 1e6, depth: 1000 };

async function unpack(archive: string, into: string, more: Partial<UnpackRequest> = {}): Promise<UnpackResult> {
  return await unpackArchive({
    archive,
    format: archive.endsWith("zip") ? "zip" : "tgz",
    targets: [{ prefix: "", into: Buffer.from(into).toString("latin1") }],
    owners: { users: {}, groups: {} },
    limits: LIMITS,
    cancelled: () => false,
    ...more,
  });
}

describe.each(["zip", "tgz"] as const)("%s", (format) => {
  test("every awkward input comes back as it was, with the digest that was recorded", async () => {
    const base = tempDirectory();
    plantAwkward(`${base}/tree`);
    const archive = `${base}/a.${format}`;
    const { input, entries } = await build({ format, output: archive, tree: `${base}/tree` });
    const result = await unpack(archive, `${base}/out`);
    expect(result.contentDigest).toBe(input.content_digest);
    expect(result.entries).toBe(entries);
    const differences = compareTrees(`${base}/tree`, `${base}/out`, { without: format === "zip" ? ["links"] : [] });
    // no archive holds FIFOs and the like; the builder says so
    expect(differences.filter((line) => !/: only in .*tree$/.test(line))).toEqual([]);
  });

  test("into a directory for each prefix, and nothing where no prefix leads", async () => {
    const base = tempDirectory();
    for (const name of ["a/one", "a/b/two", "c/three", "d"]) {
      mkdirSync(join(base, "tree", name, ".."), { recursive: true });
      writeFileSync(join(base, "tree", name), name);
    }
    const { input } = await build({ format, output: `${base}/a.${format}`, tree: `${base}/tree` });
    const { contentDigest, files } = await unpack(`${base}/a.${format}`, "", {
      targets: [
        { prefix: "a", into: `${base}/x` },
        { prefix: "a/b", into: `${base}/y/deep` },
      ],
    });
    expect(contentDigest).toBe(input.content_digest);
    expect(files).toBe(2);
    expect(readdirSync(`${base}/x`)).toEqual(["one"]);
    expect(readdirSync(`${base}/y/deep`)).toEqual(["two"]);
    expect(readdirSync(base).toSorted()).toEqual([`a.${format}`, "tree", "x", "y"]);
  });

  test("only some entries, or all but some", async () => {
    const base = tempDirectory();
    for (const name of ["a/one", "a/two", "b"]) {
      mkdirSync(join(base, "tree", name, ".."), { recursive: true });
      writeFileSync(join(base, "tree", name), name);
    }
    const { input } = await build({ format, output: `${base}/a.${format}`, tree: `${base}/tree` });
    expect((await unpack(`${base}/a.${format}`, `${base}/only`, { only: ["a/two", "b"] })).contentDigest).toBeNull();
    expect(readdirSync(`${base}/only`, { recursive: true, encoding: "utf8" }).toSorted()).toEqual(["a", "a/two", "b"]);
    const skipped = await unpack(`${base}/a.${format}`, `${base}/skip`, { skip: ["a/one", "a", "b"] });
    expect(skipped.contentDigest).toBe(input.content_digest);
    expect(readdirSync(`${base}/skip`, { recursive: true, encoding: "utf8" }).toSorted()).toEqual(["a", "a/two"]);
  });

  test("owners are mapped, or all become one's, or stay when they may not be set", async () => {
    const base = tempDirectory();
    mkdirSync(`${base}/tree`);
    writeFileSync(`${base}/tree/file`, "x");
    chmodSync(`${base}/tree/file`, 0o4755);
    const archive = `${base}/a.${format}`;
    await build({ format, output: archive, tree: `${base}/tree` });
    const owner = (directory: string) => {
      const { uid, gid, mode } = statSync(`${directory}/file`);
      return [uid, gid, mode & 0o7777];
    };
    await unpack(archive, `${base}/mapped`, { owners: { users: { 0: 1234 }, groups: { 0: 4321 } } });
    expect(owner(`${base}/mapped`)).toEqual([1234, 4321, 0o4755]);
    await unpack(archive, `${base}/one`, { owners: { users: {}, groups: {}, all: { uid: 5, gid: 6 } } });
    expect(owner(`${base}/one`)).toEqual([5, 6, 0o4755]);
    chmodSync(archive, 0o644);
    chmodSync(base, 0o755);
    mkdirSync(`${base}/nobody`);
    await asNobody(`${base}/nobody`, async () => await unpack(archive, `${base}/nobody/out`, { owners: null }));
    expect(owner(`${base}/nobody/out`).slice(0, 2)).toEqual([65_534, 65_534]);
  });

  test("what lies in a directory that may not be written to comes out for any user", async () => {
    const base = tempDirectory();
    mkdirSync(`${base}/tree/closed`, { recursive: true });
    writeFileSync(`${base}/tree/closed/file`, "x");
    chmodSync(`${base}/tree/closed`, 0o555);
    await build({ format, output: `${base}/a.${format}`, tree: `${base}/tree` });
    chmodSync(`${base}/a.${format}`, 0o644);
    chmodSync(base, 0o755);
    mkdirSync(`${base}/nobody`);
    await asNobody(
      `${base}/nobody`,
      async () => await unpack(`${base}/a.${format}`, `${base}/nobody/out`, { owners: null }),
    );
    expect(readFileSync(`${base}/nobody/out/closed/file`, "utf8")).toBe("x");
    expect(statSync(`${base}/nobody/out/closed`).mode & 0o7777).toBe(0o555);
  });

  test("a sparse file has its holes again", async () => {
    const base = tempDirectory();
    mkdirSync(`${base}/tree`);
    writeFileSync(`${base}/tree/sparse`, "begin");
    truncateSync(`${base}/tree/sparse`, 40_000_000);
    await build({ format, output: `${base}/a.${format}`, tree: `${base}/tree` });
    await unpack(`${base}/a.${format}`, `${base}/out`);
    expect(statSync(`${base}/out/sparse`).size).toBe(40_000_000);
    expect(statSync(`${base}/out/sparse`).blocks * 512).toBeLessThan(4_000_000);
    expect(compareTrees(`${base}/tree`, `${base}/out`)).toEqual([]);
  });

  test("a time just before a full second does not become that second, before 1970 either", async () => {
    const base = tempDirectory();
    mkdirSync(`${base}/tree`);
    for (const time of ["2026-01-01T00:00:00.999999999Z", "1969-12-31T23:59:58.999999999Z", "1901-12-31T00:00:01Z"])
      execFileSync("touch", ["-d", time, `${base}/tree/${time}`]);
    await build({ format, output: `${base}/a.${format}`, tree: `${base}/tree` });
    await unpack(`${base}/a.${format}`, `${base}/out`);
    expect(compareTrees(`${base}/tree`, `${base}/out`)).toEqual([]);
  });

  test.each([
    ["bytes", { ...LIMITS, bytes: 9999 }, /more than the 9999 bytes/],
    ["entries", { ...LIMITS, entries: 2 }, /more than the 2 entries/],
    ["depth", { ...LIMITS, depth: 2 }, /deeper than 2/],
  ])("more %s than allowed are refused", async (_what, limits, message) => {
    const base = tempDirectory();
    mkdirSync(`${base}/tree/a/b`, { recursive: true });
    writeFileSync(`${base}/tree/a/b/file`, Buffer.alloc(10_000));
    await build({ format, output: `${base}/a.${format}`, tree: `${base}/tree` });
    await expect(unpack(`${base}/a.${format}`, `${base}/out`, { limits })).rejects.toMatchObject({
      code: "E_ARCHIVE",
      message: expect.stringMatching(message) as string,
    });
  });

  test("what is there is never overwritten, nor written through", async () => {
    const base = tempDirectory();
    mkdirSync(`${base}/tree/a`, { recursive: true });
    writeFileSync(`${base}/tree/a/file`, "new");
    const archive = `${base}/a.${format}`;
    await build({ format, output: archive, tree: `${base}/tree` });
    const outside = `${base}/outside`;
    mkdirSync(outside);
    for (const [name, prepare] of [
      ["file", () => writeFileSync(`${base}/file/a/file`, "old")],
      ["link", () => symlinkSync(`${outside}/file`, `${base}/link/a/file`)],
    ] as const) {
      mkdirSync(`${base}/${name}/a`, { recursive: true });
      prepare();
      await expect(unpack(archive, `${base}/${name}`)).rejects.toMatchObject({ code: "E_ARCHIVE" });
    }
    expect(readFileSync(`${base}/file/a/file`, "utf8")).toBe("old");
    mkdirSync(`${base}/through`);
    symlinkSync(outside, `${base}/through/a`);
    await expect(unpack(archive, `${base}/through`)).rejects.toMatchObject({ code: "E_ARCHIVE" });
    expect(readdirSync(outside)).toEqual([]);
  });
});

test("in a tgz, a further name of a file comes back also where its first name is not wanted", async () => {
  const base = tempDirectory();
  mkdirSync(`${base}/tree`);
  writeFileSync(`${base}/tree/a`, "content");
  for (const name of ["b", "c"]) linkSync(`${base}/tree/a`, `${base}/tree/${name}`);
  const { input } = await build({ format: "tgz", output: `${base}/a.tgz`, tree: `${base}/tree` });
  expect((await unpack(`${base}/a.tgz`, `${base}/out`, { skip: ["a"] })).contentDigest).toBe(input.content_digest);
  expect(readdirSync(`${base}/out`).toSorted()).toEqual(["b", "c"]);
  expect(readFileSync(`${base}/out/c`, "utf8")).toBe("content");
  expect(statSync(`${base}/out/b`).ino).toBe(statSync(`${base}/out/c`).ino);
});

describe("archives of other programs", () => {
  const tree = (base: string): void => {
    mkdirSync(`${base}/tree/sub/empty`, { recursive: true });
    writeFileSync(`${base}/tree/sub/größe 名.txt`, "text\n".repeat(100_000));
    writeFileSync(`${base}/tree/-dash`, "");
    symlinkSync("nowhere", `${base}/tree/link`);
    linkSync(`${base}/tree/-dash`, `${base}/tree/sub/hard`);
    for (const name of ["sub/größe 名.txt", "-dash", "link", "sub/empty", "sub"])
      lutimesSync(`${base}/tree/${name}`, 1_700_000_000, 1_700_000_000);
  };

  test.each([
    ["GNU tar", "tar -C tree -czf a.tgz ."],
    ["GNU tar, its own format", "tar --format=gnu -C tree -czf a.tgz ."],
    ["bsdtar", "bsdtar --format=pax -C tree -czf a.tgz ."],
    [
      "Python's tarfile",
      `${PYTHON} -c "import tarfile; t = tarfile.open('a.tgz', 'w:gz'); t.add('tree', '.'); t.close()"`,
    ],
    ["Info-ZIP", "cd tree && zip -q -r -y ../a.zip ."],
    ["7z", "cd tree && 7z a -snl ../a.zip . >/dev/null"],
  ])("%s", async (_name, command) => {
    const base = tempDirectory();
    tree(base);
    execFileSync("bash", ["-c", command], { cwd: base });
    const archive = existsSync(`${base}/a.zip`) ? `${base}/a.zip` : `${base}/a.tgz`;
    await unpack(archive, `${base}/out`);
    const zip = archive.endsWith("zip");
    expect(
      compareTrees(`${base}/tree`, `${base}/out`, { without: zip ? ["links", "owner"] : [] }).filter(
        (line) => !(zip && line.includes("link")),
      ),
    ).toEqual([]);
    expect(lstatSync(`${base}/out/link`).isSymbolicLink()).toBe(true);
  });
});

describe("hostile", () => {
  /** Makes an archive with Python, which writes what it is told to. */
  const hostile = (kind: "zip" | "tgz", code: string): { base: string; archive: string } => {
    const base = tempDirectory();
    const archive = `${base}/hostile.${kind}`;
    const head =
      kind === "zip"
        ? `import sys, zipfile, warnings
warnings.simplefilter('ignore')
z = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED)
def link(name, target):
    i = zipfile.ZipInfo(name); i.create_system = 3; i.external_attr = 0o120777 << 16; z.writestr(i, target)
`
        : `import io, sys, tarfile
z = tarfile.open(sys.argv[1], 'w:gz')
def add(name, type=tarfile.REGTYPE, data=b'', **more):
    i = tarfile.TarInfo(name); i.type = type; i.size = len(data)
    for k, v in more.items(): setattr(i, k, v)
    z.addfile(i, io.BytesIO(data))
`;
    execFileSync(PYTHON, ["-c", `${head}${code}\nz.close()`, archive]);
    writeFileSync(`${base}/victim`, "untouched");
    return { base, archive };
  };

  test.each([
    ["zip", "leads out", "z.writestr('../victim', 'x')", /leads out/],
    ["zip", "an absolute name", "z.writestr('/victim', 'x')", /absolute/],
    ["zip", "behind a link", "link('a', '..'); z.writestr('a/victim', 'x')", /is something else/],
    ["zip", "over a link", "link('a', '../victim'); z.writestr('a/', '')", /two entries are named a/],
    ["zip", "the same twice", "z.writestr('a', 'x'); z.writestr('./a', 'y')", /two entries are named a/],
    ["zip", "a file as a directory", "z.writestr('a', 'x'); z.writestr('a/b', 'y')", /is something else/],
    ["tgz", "leads out", "add('../victim', data=b'x')", /leads out/],
    ["tgz", "leads out below", "add('a/../../victim', data=b'x')", /leads out/],
    ["tgz", "an absolute name", "add('/victim', data=b'x')", /absolute/],
    [
      "tgz",
      "behind a link",
      "add('a', tarfile.SYMTYPE, linkname='..'); add('a/victim', data=b'x')",
      /is something else/,
    ],
    [
      "tgz",
      "behind an absolute link",
      "add('a', tarfile.SYMTYPE, linkname='/tmp'); add('a/victim', data=b'x')",
      /something else/,
    ],
    ["tgz", "a hard link out", "add('a', tarfile.LNKTYPE, linkname='../victim')", /not a file of the archive/],
    [
      "tgz",
      "a hard link to a link",
      "add('a', tarfile.SYMTYPE, linkname='../victim'); add('b', tarfile.LNKTYPE, linkname='a')",
      /not a file of the archive/,
    ],
    ["tgz", "the same twice", "add('a', data=b'x'); add('a', data=b'y')", /two entries are named a/],
    [
      "tgz",
      "a link, then a file through it",
      "add('a', tarfile.SYMTYPE, linkname='../victim'); add('a', data=b'y')",
      /two entries are named a/,
    ],
    ["tgz", "a device", "add('a', tarfile.BLKTYPE, devmajor=8, devminor=0)", /device/],
    ["tgz", "a FIFO", "add('a', tarfile.FIFOTYPE)", /FIFO/],
    ["tgz", "a name that is too long", "add('a' * 300, data=b'x')", /too long/],
  ] as const)("%s: %s", async (kind, _what, code, message) => {
    const { base, archive } = hostile(kind, code);
    await expect(unpack(archive, `${base}/out`)).rejects.toMatchObject({
      code: "E_ARCHIVE",
      message: expect.stringMatching(message) as string,
    });
    expect(readFileSync(`${base}/victim`, "utf8")).toBe("untouched");
    expect(
      readdirSync(base)
        .filter((name) => name !== "out")
        .toSorted(),
    ).toEqual([`hostile.${kind}`, "victim"]);
  });

  test("a link that another archive made where a target is to be is not followed", async () => {
    const { base, archive } = hostile("tgz", "add('uploads', tarfile.SYMTYPE, linkname='../victims')");
    mkdirSync(`${base}/victims`);
    const second = hostile("tgz", "add('file', data=b'x')").archive;
    await unpack(archive, `${base}/out`);
    for (const into of [`${base}/out/uploads`, `${base}/out/uploads/deep`]) {
      const targets = [{ prefix: "", into, base: `${base}/out` }];
      await expect(unpack(second, "", { targets })).rejects.toMatchObject({ code: "E_ARCHIVE" });
    }
    const both = hostile(
      "tgz",
      "add('a/sub', tarfile.SYMTYPE, linkname='../victims'); add('c/file', data=b'x')",
    ).archive;
    const targets = [
      { prefix: "a", into: `${base}/both`, base },
      { prefix: "c", into: `${base}/both/sub/deep`, base },
    ];
    await expect(unpack(both, "", { targets })).rejects.toMatchObject({ code: "E_ARCHIVE" });
    expect(readdirSync(`${base}/victims`)).toEqual([]);
  });

  test("one that is called off ends, also where nothing of it is wanted or nothing is in its files", async () => {
    const { base, archive } = hostile(
      "tgz",
      "add('zeros', data=bytes(50_000_000))\nfor i in range(2000): add(f'f{i}')",
    );
    for (const more of [{ only: ["nothing"] }, {}]) {
      let asked = 0;
      const cancelled = (): boolean => ++asked > 3;
      await expect(unpack(archive, `${base}/out${asked}`, { ...more, cancelled })).rejects.toMatchObject({
        code: "E_INTERRUPTED",
      });
      expect(asked).toBe(4);
    }
  });

  test.each([
    ["an owner beyond all", "add('a', uid=2**40)", /owner/],
    ["an owner below all", "add('a', uid=-5)", /owner|number|uid/],
  ])("%s", async (_what, code, message) => {
    const { base, archive } = hostile("tgz", code);
    await expect(unpack(archive, `${base}/out`)).rejects.toMatchObject({
      code: "E_ARCHIVE",
      message: expect.stringMatching(message) as string,
    });
  });

  test("endless zeros after the end marker, and unknown headers, are not kept", async () => {
    const { base, archive } = hostile("tgz", "add('a', data=b'x')");
    execFileSync("bash", [
      "-c",
      `(gunzip -c "$1"; head -c 50000000 /dev/zero) | gzip > "$1.new"; mv "$1.new" "$1"`,
      "-",
      archive,
    ]);
    await expect(unpack(archive, `${base}/out`)).rejects.toMatchObject({
      code: "E_ARCHIVE",
      message: expect.stringContaining("zeros") as string,
    });
    const pax = hostile(
      "tgz",
      "z.pax_headers = {}\nadd('a', data=b'x', pax_headers={f'key{i}': 'v' * 1000 for i in range(500)})",
    ).archive;
    await unpack(pax, `${base}/pax`);
    expect(readFileSync(`${base}/pax/a`, "utf8")).toBe("x");
  });

  test("directories that no entry describes can be entered by everybody", async () => {
    const { base, archive } = hostile("tgz", "add('deep/down/file', data=b'x', mode=0o644)");
    await unpack(archive, `${base}/out`);
    expect(["", "/deep", "/deep/down"].map((one) => statSync(`${base}/out${one}`).mode & 0o777)).toEqual([
      0o755, 0o755, 0o755,
    ]);
  });

  test("a link that leads out is content, and comes back as it was", async () => {
    const { base, archive } = hostile("tgz", "add('a', tarfile.SYMTYPE, linkname='/etc/passwd')");
    await unpack(archive, `${base}/out`);
    expect(lstatSync(`${base}/out/a`).isSymbolicLink()).toBe(true);
  });

  test("a bomb is stopped by the limit, before it has filled anything", async () => {
    const { base, archive } = hostile("tgz", "add('zeros', data=bytes(80_000_000))");
    await expect(unpack(archive, `${base}/out`, { limits: { ...LIMITS, bytes: 1_000_000 } })).rejects.toMatchObject({
      code: "E_ARCHIVE",
    });
    expect(existsSync(`${base}/out/zeros`)).toBe(false);
  });
});
