/** Archives that are damaged or hostile: found, and named. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { crc32, gunzipSync, gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { PIECE_SIZE } from "../../../lib/archive/tree/read-stable.ts";
import { verifyTgz } from "../../../lib/archive/tar/tgz-reader.ts";
import { readZipDirectory } from "../../../lib/archive/zip/directory.ts";
import { verifyZip } from "../../../lib/archive/zip/reader.ts";
import { suiteDirectory, tempDirectory } from "../../support/temp.ts";
import { build } from "./support.ts";
import { PYTHON } from "../../support/python.ts";

const VERIFY = { zip: (path: string) => verifyZip(path), tgz: (path: string) => verifyTgz(path) };
const damaged = (what: string | RegExp = "") =>
  expect.objectContaining({ code: "E_ARCHIVE", message: expect.stringMatching(what) as unknown });

const sound = suiteDirectory();
beforeAll(async () => {
  mkdirSync(`${sound}/tree/directory`, { recursive: true });
  writeFileSync(`${sound}/tree/directory/text.txt`, "some text\n".repeat(300));
  writeFileSync(`${sound}/tree/noise.mp3`, execFileSync("head", ["-c", "3000", "/dev/urandom"]));
  writeFileSync(`${sound}/tree/streamed.txt`, Buffer.alloc(PIECE_SIZE + 10, "0123456789abcdef\n"));
  for (const format of ["zip", "tgz"] as const)
    await build({ format, output: `${sound}/sound.${format}`, tree: `${sound}/tree` });
});

describe.each(["zip", "tgz"] as const)("%s", (format) => {
  const spoil = (change: (data: Buffer) => Buffer): string => {
    const path = `${tempDirectory()}/spoiled.${format}`;
    writeFileSync(path, change(readFileSync(`${sound}/sound.${format}`)));
    return path;
  };

  test("a sound one passes", async () => {
    expect((await VERIFY[format](`${sound}/sound.${format}`)).bytes).toBe(3000 + 3000 + PIECE_SIZE + 10);
  });

  test("a missing archive is not called damaged", async () => {
    await expect(VERIFY[format](`${sound}/nothing`)).rejects.toMatchObject({ code: "E_MISSING" });
  });

  test("truncated anywhere", async () => {
    const { length } = readFileSync(`${sound}/sound.${format}`);
    const path = spoil((data) => data);
    for (let size = length - 1; size >= 0; size -= size > length - 60 ? 1 : 97) {
      truncateSync(path, size);
      await expect(VERIFY[format](path), `cut to ${size}`).rejects.toThrow(damaged(path));
    }
  });

  test("a byte more at the end, in front, or in the middle", async () => {
    for (const at of [0, 500, Number.MAX_SAFE_INTEGER]) {
      const path = spoil((data) => Buffer.concat([data.subarray(0, at), Buffer.from("x"), data.subarray(at)]));
      await expect(VERIFY[format](path), `at ${at}`).rejects.toThrow(damaged());
    }
  });

  test("a bit flipped in any entry's content", async () => {
    const data = readFileSync(`${sound}/sound.${format}`);
    // gzip's own ten bytes and what only describes a zip entry are not content: the digest of the whole file covers them
    const content = format === "tgz" ? [[10, data.length]] : contentOf(`${sound}/sound.zip`);
    const tar = format === "tgz" ? gunzipSync(data) : Buffer.alloc(0);
    for (const [from = 0, to = 0] of content) {
      for (let at = from; at < to; at += 61) {
        const path = spoil((copy) => {
          copy[at] = (copy[at] ?? 0) ^ (1 << (at % 8));
          return copy;
        });
        // deflate has bits that mean nothing, before a stored block and at its end: what is unpacked is the same then
        if (format === "tgz" && unpacksTo(path, tar)) continue;
        await expect(VERIFY[format](path), `bit of byte ${at}`).rejects.toThrow(damaged());
      }
    }
  });
});

function unpacksTo(path: string, tar: Buffer): boolean {
  try {
    return gunzipSync(readFileSync(path)).equals(tar);
  } catch {
    return false;
  }
}

/** Where the content of each entry lies. */
function contentOf(path: string): [number, number][] {
  const data = readFileSync(path);
  return readZipDirectory(path).map(({ offset, compressedSize }) => {
    const start = offset + 30 + data.readUInt16LE(offset + 26) + data.readUInt16LE(offset + 28);
    return [start, start + compressedSize];
  });
}

/** Makes a zip with Python, which writes what it is told to. */
function hostile(code: string): string {
  const path = `${tempDirectory()}/hostile.zip`;
  const head =
    "import sys, zipfile, warnings\nwarnings.simplefilter('ignore')\nz = zipfile.ZipFile(sys.argv[1], 'w')\n";
  execFileSync(PYTHON, ["-c", `${head}${code}\nz.close()`, path]);
  return path;
}

test.each([
  ["leads out", "z.writestr('a/../../evil', 'x')", /"?a\/\.\.\/\.\.\/evil leads out/],
  ["absolute", "z.writestr('/etc/evil', 'x')", /absolute path/],
  ["the same twice", "z.writestr('a', 'x'); z.writestr('a', 'y')", /two entries are named a/],
  [
    "the same twice, written in two ways",
    "z.writestr('a/b', 'x'); z.writestr('a//./b', 'y')",
    /two entries are named a\/b/,
  ],
  ["a file and a directory of one name", "z.writestr('a', 'x'); z.writestr('a/', '')", /two entries are named a/],
  [
    "a device",
    "i = zipfile.ZipInfo('d'); i.create_system = 3; i.external_attr = 0o60644 << 16; z.writestr(i, '')",
    /device/,
  ],
])("a zip with entries that are %s", async (_, code, what) => {
  const path = hostile(code);
  await expect(verifyZip(path)).rejects.toThrow(damaged(what));
  expect(() => readZipDirectory(path)).toThrow(damaged(what));
});

test("a zip whose entries overlap", () => {
  const path = hostile("z.writestr('a', 'x' * 100); z.writestr('b', 'y' * 100)");
  const data = readFileSync(path);
  const second = data.indexOf("PK\x01\x02", data.indexOf("PK\x01\x02") + 1, "latin1");
  data.writeUInt32LE(0, second + 42);
  writeFileSync(path, data);
  expect(() => readZipDirectory(path)).toThrow(damaged(/overlaps/));
});

test("a zip with stray bytes between two entries that are both sound", async () => {
  const path = hostile(
    "z.writestr('a', 'x'); z.fp.seek(z.start_dir); z.fp.write(b'junk'); z.start_dir = z.fp.tell(); z.writestr('b', 'y')",
  );
  expect(readZipDirectory(path)).toHaveLength(2);
  await expect(verifyZip(path)).rejects.toThrow(damaged(/4 stray bytes before b/));
});

test("a tgz with zeros after its last gzip member, which gzip itself passes over", async () => {
  const path = `${tempDirectory()}/padded.tgz`;
  writeFileSync(path, Buffer.concat([readFileSync(`${sound}/sound.tgz`), Buffer.alloc(3)]));
  await expect(verifyTgz(path)).rejects.toThrow(damaged(/3 stray bytes/));
});

test("a zip that claims more than its data can hold, or holds more than it claims", async () => {
  const path = hostile("z.writestr('bomb', b'0' * 1000000, zipfile.ZIP_DEFLATED)");
  const original = readFileSync(path);
  const central = original.indexOf("PK\x01\x02", 0, "latin1");
  const claim = (size: number): void => {
    const data = Buffer.from(original);
    data.writeUInt32LE(size, central + 24);
    data.writeUInt32LE(size, 22);
    writeFileSync(path, data);
  };
  claim(4_000_000_000);
  expect(() => readZipDirectory(path)).toThrow(damaged(/claims more/));
  claim(999_999);
  await expect(verifyZip(path)).rejects.toThrow(damaged(/bomb/));
});

test("zips and tgzs that other tools made are read", async () => {
  const out = tempDirectory();
  execFileSync("zip", ["-qry", `${out}/info.zip`, "."], { cwd: `${sound}/tree` });
  execFileSync("bsdtar", ["-acf", `${out}/bsd.zip`, "."], { cwd: `${sound}/tree` });
  execFileSync("7z", ["a", `${out}/seven.zip`, "."], { cwd: `${sound}/tree` });
  execFileSync("sh", ["-c", `zip -q ${out}/stream.zip - < streamed.txt`], { cwd: `${sound}/tree` });
  for (const name of ["info", "bsd", "seven", "stream"]) {
    expect((await verifyZip(`${out}/${name}.zip`)).bytes, name).toBeGreaterThan(PIECE_SIZE);
  }
  for (const kind of ["gnu", "oldgnu", "pax", "posix", "ustar", "v7"]) {
    execFileSync("tar", ["czf", `${out}/${kind}.tgz`, `--format=${kind}`, "."], { cwd: `${sound}/tree` });
    expect((await verifyTgz(`${out}/${kind}.tgz`)).entries, kind).toBe(5);
  }
});

test("a tar header with a wrong checksum, a size that is too large, and an end that is missing, inside a sound gzip", async () => {
  const path = `${tempDirectory()}/archive.tgz`;
  const raw = execFileSync("gzip", ["-dc", `${sound}/sound.tgz`], { maxBuffer: 1 << 28 });
  const check = async (change: (data: Buffer) => Buffer, what: RegExp): Promise<void> => {
    writeFileSync(path, gzipSync(change(Buffer.from(raw))));
    await expect(verifyTgz(path)).rejects.toThrow(damaged(what));
  };
  await check((data) => data.fill("x", 0, 1), /checksum/);
  await check((data) => data.subarray(0, -1024), /end marker/);
  await check((data) => data.subarray(0, -512), /end marker/);
  await check((data) => data.subarray(0, -700 * 512), /end marker/);
  await check((data) => Buffer.concat([data, Buffer.from("x")]), /stray bytes after the end/);
});

test("the CRC that is used is the usual one", () => {
  expect(crc32(Buffer.from("123456789"))).toBe(0xcbf43926);
});
