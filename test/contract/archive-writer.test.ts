/** One suite for every archive writer, checked with the tools that an operator has. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  closeSync,
  ftruncateSync,
} from "node:fs";
import { describe, expect, test } from "vitest";
import type { ArchiveWriter } from "../../lib/archive/entry.ts";
import { PIECE_SIZE, type ReadHooks } from "../../lib/archive/tree/read-stable.ts";
import { ArchiveSink } from "../../lib/archive/output.ts";
import { TgzWriter } from "../../lib/archive/tar/writer.ts";
import { verifyTgz } from "../../lib/archive/tar/tgz-reader.ts";
import { verifyZip } from "../../lib/archive/zip/reader.ts";
import { ZipWriter } from "../../lib/archive/zip/writer.ts";
import { plantAwkward } from "../support/sites/awkward.ts";
import { compareTrees } from "../support/compare.ts";
import { tempDirectory } from "../support/temp.ts";
import { ATTRIBUTES, build } from "../unit/archive/support.ts";
import { PYTHON } from "../support/python.ts";

interface Format {
  readonly name: "zip" | "tgz";
  open(sink: ArchiveSink, hooks?: ReadHooks): ArchiveWriter;
  verify(path: string): Promise<{ entries: number; bytes: number }>;
  /** Tests the archive with each tool; throws when one of them finds fault. */
  judge(path: string): void;
  /** Unpacks it with the most exact tool there is. */
  unpack(path: string, into: string): void;
}

const run = (...argv: [string, ...string[]]): string => {
  const [file, ...args] = argv;
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: "latin1", maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${argv.join(" ")}: ${status} ${stdout} ${stderr}`);
  return stdout;
};

const FORMATS: Format[] = [
  {
    name: "zip",
    open: (sink, hooks = {}) => new ZipWriter(sink, { level: 4, hooks }),
    verify: (path) => verifyZip(path),
    judge: (path) => {
      run("unzip", "-tq", path);
      run("7z", "t", path);
      run("bsdtar", "-tf", path);
      run(PYTHON, "-c", "import sys, zipfile; assert zipfile.ZipFile(sys.argv[1]).testzip() is None", path);
    },
    // -^ keeps control characters, -K setuid and the like, -V what looks like a VMS version.
    unpack: (path, into) => run("unzip", "-q", "-^", "-K", "-V", "-X", path, "-d", into),
  },
  {
    name: "tgz",
    open: (sink, hooks = {}) => new TgzWriter(sink, { level: 4, hooks }),
    verify: (path) => verifyTgz(path),
    judge: (path) => {
      run("gzip", "-t", path);
      run("tar", "tzf", path);
      run("bsdtar", "-tf", path);
      run("7z", "t", path);
      run(PYTHON, "-c", "import sys, tarfile; assert len(tarfile.open(sys.argv[1]).getmembers()) > 0", path);
    },
    unpack: (path, into) => run("tar", "xpzf", path, "-C", into),
  },
];

describe.each(FORMATS)("$name", (format) => {
  const write = (work: (writer: ArchiveWriter) => void, hooks?: ReadHooks): string => {
    const path = `${tempDirectory()}/archive.${format.name}`;
    const sink = new ArchiveSink(path);
    const writer = format.open(sink, hooks);
    work(writer);
    writer.close();
    sink.finish();
    return path;
  };
  const unpack = (path: string): string => {
    const into = tempDirectory();
    format.unpack(path, into);
    return into;
  };

  test("every awkward input comes out as it went in", async () => {
    const tree = tempDirectory();
    plantAwkward(tree);
    const path = `${tempDirectory()}/archive.${format.name}`;
    const result = await build({ format: format.name, output: path, tree });
    format.judge(path);
    const into = unpack(path);
    const ignore = (name: string): boolean => name === "fifo";
    if (format.name === "tgz") {
      expect(compareTrees(tree, into, { ignore })).toEqual([]);
      expect(result.warnings).toEqual(["dropped, a FIFO: fifo"]);
    } else {
      // unzip takes no time of a link, and none that the UT field gives before 1970 or can't give after 2038
      const differences = compareTrees(tree, into, { ignore, without: ["links"] });
      const unexpected = differences.filter(
        (line) => !/^"(.*link.*|loop .|before 19[07].|after 2107|empty directory)": mtime /.test(line),
      );
      expect(unexpected).toEqual([]);
      expect(result.warnings).toContain(
        "hard links, stored as copies: elsewhere/hard link 3 = hard link 1 = hard link 2",
      );
    }
    expect(await format.verify(path)).toMatchObject({ entries: result.entries });
    expect(result.size_bytes).toBe(statSync(path).size);
    expect(execFileSync("sha256sum", [path], { encoding: "utf8" }).slice(0, 64)).toBe(result.sha256);
  });

  test("the same input gives the same bytes, in any time zone and under any name", async () => {
    const tree = tempDirectory();
    plantAwkward(tree);
    const out = tempDirectory();
    const zone = process.env.TZ;
    const digests: string[] = [];
    for (const [index, TZ] of ["UTC", "Pacific/Kiritimati", "America/St_Johns"].entries()) {
      process.env.TZ = TZ;
      digests.push((await build({ format: format.name, output: `${out}/${index}.${format.name}`, tree })).sha256);
    }
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
    expect(new Set(digests).size).toBe(1);
  });

  test.each([0, 1, 511, 512, 513, PIECE_SIZE, PIECE_SIZE + 1, 2 * PIECE_SIZE + 77])(
    "files of %d bytes, compressible and not",
    async (size) => {
      const source = tempDirectory();
      const noise = execFileSync("head", ["-c", String(size), "/dev/urandom"], { maxBuffer: 1 << 28 });
      writeFileSync(`${source}/text.txt`, Buffer.alloc(size, "text and more text\n"));
      writeFileSync(`${source}/noise.txt`, noise);
      writeFileSync(`${source}/song.mp3`, noise);
      writeFileSync(`${source}/lies.mp3`, Buffer.alloc(size, "not music at all\n"));
      const names = ["lies.mp3", "noise.txt", "song.mp3", "text.txt"];
      const path = write((writer) => {
        for (const name of names)
          expect(writer.addFile(name, `${source}/${name}`, ATTRIBUTES)).toMatchObject({ size, changed: false });
      });
      format.judge(path);
      expect(await format.verify(path)).toEqual({ entries: 4, bytes: 4 * size });
      const into = unpack(path);
      for (const name of names)
        expect(readFileSync(`${into}/${name}`).equals(readFileSync(`${source}/${name}`)), name).toBe(true);
      expect(statSync(path).size).toBeLessThan(3 * size + 20_000);
    },
  );

  test("bytes from memory are stored like a file's", () => {
    const data = Buffer.from("from memory\n");
    const path = write((writer) => {
      expect(writer.addBytes("a/b.txt", data, ATTRIBUTES)).toEqual({
        size: data.length,
        sha256: execFileSync("sha256sum", { input: data, encoding: "utf8" }).slice(0, 64),
        changed: false,
      });
    });
    expect(readFileSync(`${unpack(path)}/a/b.txt`)).toEqual(data);
  });

  test.each([100, 3 * PIECE_SIZE])(
    "a file of %d bytes that changes each time it is read: a whole archive, and it is told",
    async (size) => {
      const file = `${tempDirectory()}/restless.txt`;
      writeFileSync(file, Buffer.alloc(size, "x"));
      let reading = 0;
      const path = write(
        (writer) => {
          writer.addBytes("before", Buffer.from("before"), ATTRIBUTES);
          expect(writer.addFile("restless.txt", file, ATTRIBUTES).changed).toBe(true);
          writer.addBytes("after", Buffer.from("after"), ATTRIBUTES);
        },
        { progress: () => appendFileSync(file, `change ${reading++}`) },
      );
      format.judge(path);
      expect((await format.verify(path)).entries).toBe(3);
      const into = unpack(path);
      expect(readFileSync(`${into}/after`, "utf8")).toBe("after");
      expect(readFileSync(`${into}/restless.txt`).subarray(0, size).equals(Buffer.alloc(size, "x"))).toBe(true);
    },
  );

  test("a file that shrinks each time it is read leaves a whole archive", async () => {
    const file = `${tempDirectory()}/shrinking`;
    const size = 40 * PIECE_SIZE;
    writeFileSync(file, Buffer.alloc(size, "x"));
    const shrink = (): void => {
      const now = statSync(file).size;
      if (now > 2 * PIECE_SIZE) truncateSync(file, now - PIECE_SIZE);
    };
    const path = write(
      (writer) => {
        const stored = writer.addFile("shrinking", file, ATTRIBUTES);
        expect(stored.changed).toBe(true);
        writer.addBytes("after", Buffer.from("after"), ATTRIBUTES);
      },
      { progress: shrink },
    );
    format.judge(path);
    expect((await format.verify(path)).entries).toBe(2);
    expect(readFileSync(`${unpack(path)}/after`, "utf8")).toBe("after");
  });

  test("a file that can't be read leaves the archive as it was, also when that shows in its middle", async () => {
    const directory = tempDirectory();
    writeFileSync(`${directory}/large`, Buffer.alloc(3 * PIECE_SIZE, "x"));
    let pieces = 0;
    const stop = new Error("stop");
    const path = write(
      (writer) => {
        writer.addBytes("before", Buffer.from("before"), ATTRIBUTES);
        expect(() => writer.addFile("gone", `${directory}/gone`, ATTRIBUTES)).toThrow(
          expect.objectContaining({ code: "E_MISSING" }),
        );
        expect(() => writer.addFile("large", `${directory}/large`, ATTRIBUTES)).toThrow(stop);
        writer.addFile("large", `${directory}/large`, ATTRIBUTES);
      },
      {
        progress: () => {
          if (++pieces === 2) throw stop;
        },
      },
    );
    format.judge(path);
    expect((await format.verify(path)).entries).toBe(2);
  });

  test("a name may come only once", () => {
    write((writer) => {
      writer.addBytes("a", Buffer.alloc(0), ATTRIBUTES);
      expect(() => writer.addBytes("a", Buffer.alloc(0), ATTRIBUTES)).toThrow(
        expect.objectContaining({ code: "E_INTERNAL" }),
      );
    });
  });

  test("a directory that is empty makes an archive that no tool complains of", async () => {
    const tree = tempDirectory();
    utimesSync(tree, 1_600_000_000, 1_600_000_000);
    const path = `${tempDirectory()}/archive.${format.name}`;
    await build({ format: format.name, output: path, tree });
    format.judge(path);
    expect(await format.verify(path)).toEqual({ entries: 1, bytes: 0 });
  });

  test("names of 100 to 600 bytes, in one component or many, UTF-8 or not", async () => {
    const names = [99, 100, 101, 155, 156, 200, 255, 256, 257, 300, 600].flatMap((length) =>
      [
        ["ascii", "x"],
        ["utf8", "\xc3\xa9"],
        ["latin1", "\xe9"],
      ].flatMap(([kind = "", letter = ""]) => {
        const long = `${kind}${length}`.padEnd(length, letter);
        return [long.replace(/(.{90})./gs, "$1/"), ...(length <= 255 ? [long] : [])];
      }),
    );
    const path = write((writer) =>
      names.forEach((name) => writer.addBytes(name, Buffer.from(name, "latin1"), ATTRIBUTES)),
    );
    format.judge(path);
    const into = unpack(path);
    for (const name of names) {
      const file = Buffer.concat([Buffer.from(`${into}/`), Buffer.from(name, "latin1")]);
      expect(readFileSync(file).toString("latin1")).toBe(name);
    }
    expect((await format.verify(path)).entries).toBe(names.length);
  });

  test("a sparse file comes out whole and takes next to nothing", async () => {
    const tree = tempDirectory();
    mkdirSync(`${tree}/d`);
    const file = openSync(`${tree}/d/sparse.bin`, "w");
    ftruncateSync(file, 50_000_000);
    closeSync(file);
    const path = `${tempDirectory()}/archive.${format.name}`;
    const result = await build({ format: format.name, output: path, tree });
    expect(result.size_bytes).toBeLessThan(300_000);
    expect((await format.verify(path)).bytes).toBe(50_000_000);
    expect(compareTrees(tree, unpack(path))).toEqual([]);
  });
});
