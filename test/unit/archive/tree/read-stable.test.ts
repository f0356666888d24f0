import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { expect, test } from "vitest";
import { PIECE_SIZE, readStable, type FileConsumer } from "../../../../lib/archive/tree/read-stable.ts";
import { ArchiveSink } from "../../../../lib/archive/output.ts";
import { tempDirectory } from "../../../support/temp.ts";
import { asNobody } from "../support.ts";

/** Keeps what it is given, as a writer would. */
class Keeper implements FileConsumer {
  content = Buffer.alloc(0);
  beginnings = 0;
  wholes = 0;
  whole(data: Buffer): void {
    this.wholes++;
    this.content = Buffer.from(data);
  }
  size = 0;
  begin(size: number): void {
    this.size = size;
    this.beginnings++;
    this.content = Buffer.alloc(0);
  }
  piece(data: Buffer): void {
    this.content = Buffer.concat([this.content, data]);
  }
}

test.each([0, 1, PIECE_SIZE - 1, PIECE_SIZE, PIECE_SIZE + 1, 3 * PIECE_SIZE + 5])(
  "reads a file of %d bytes as it is",
  (size) => {
    const file = `${tempDirectory()}/file`;
    const content = Buffer.from(Array.from({ length: size }, (_, index) => (index * 7) % 251));
    writeFileSync(file, content);
    const keeper = new Keeper();
    expect(readStable(file, keeper)).toBe(false);
    expect(keeper.content.equals(content)).toBe(true);
    expect(keeper.wholes).toBe(size <= PIECE_SIZE ? 1 : 0);
  },
);

test.each([100, 2 * PIECE_SIZE])("a file of %d bytes that changes once while it is read is read again", (size) => {
  const file = `${tempDirectory()}/file`;
  writeFileSync(file, Buffer.alloc(size));
  const keeper = new Keeper();
  let changes = 0;
  const progress = (): void => {
    if (changes++ === 0) writeFileSync(file, Buffer.alloc(size, "new"));
  };
  expect(readStable(file, keeper, { progress })).toBe(false);
  expect(keeper.content.equals(readFileSync(file))).toBe(true);
});

test("a change that leaves the size as it was is seen", () => {
  const file = `${tempDirectory()}/file`;
  writeFileSync(file, "old");
  const readings: string[] = [];
  const changed = readStable(
    file,
    { whole: (data) => readings.push(data.toString()), begin: () => {}, piece: () => {} },
    { progress: () => writeFileSync(file, "new") },
  );
  expect(changed).toBe(true);
  expect(readings).toHaveLength(1);
});

test("a change that hides behind the size and the mtime it found is seen by its ctime", () => {
  const file = `${tempDirectory()}/file`;
  writeFileSync(file, "old");
  utimesSync(file, 1_600_000_000, 1_600_000_000);
  const keeper = new Keeper();
  const progress = (): void => {
    writeFileSync(file, "new");
    utimesSync(file, 1_600_000_000, 1_600_000_000);
  };
  expect(readStable(file, keeper, { progress })).toBe(true);
});

test("a log that keeps growing is taken up to the size it had, and called changed", () => {
  const file = `${tempDirectory()}/log`;
  writeFileSync(file, Buffer.alloc(2 * PIECE_SIZE, "x"));
  const keeper = new Keeper();
  let unstable = 0;
  const hooks = { progress: () => appendFileSync(file, "more"), unstable: () => unstable++ };
  expect(readStable(file, keeper, hooks)).toBe(true);
  expect(keeper.beginnings).toBe(3);
  expect(unstable).toBe(1);
  expect(keeper.size).toBeGreaterThan(2 * PIECE_SIZE);
  expect(keeper.content.length).toBe(keeper.size);
  expect(statSync(file).size).toBeGreaterThan(keeper.size);
});

test("a file that shrinks from large to small is given whole in the end", () => {
  const file = `${tempDirectory()}/file`;
  writeFileSync(file, Buffer.alloc(2 * PIECE_SIZE));
  const keeper = new Keeper();
  const progress = (): void => {
    if (statSync(file).size > 10) truncateSync(file, 10);
  };
  expect(readStable(file, keeper, { progress })).toBe(false);
  expect(keeper).toMatchObject({ beginnings: 1, wholes: 1 });
  expect(keeper.content).toHaveLength(10);
});

test("a FIFO in a file's place neither hangs nor counts as a file; nor does a link, a directory or nothing", () => {
  const root = tempDirectory();
  execFileSync("mkfifo", [`${root}/fifo`]);
  writeFileSync(`${root}/file`, "");
  symlinkSync("file", `${root}/link`);
  mkdirSync(`${root}/directory`);
  for (const name of ["fifo", "link", "directory", "nothing", "file/below"]) {
    expect(() => readStable(`${root}/${name}`, new Keeper()), name).toThrow(
      expect.objectContaining({ code: "E_MISSING" }),
    );
  }
});

test("a file that may not be read is E_UNREADABLE", async () => {
  const root = tempDirectory();
  writeFileSync(`${root}/closed`, "secret");
  chmodSync(`${root}/closed`, 0);
  await asNobody(root, () => {
    expect(() => readStable(`${root}/closed`, new Keeper())).toThrow(expect.objectContaining({ code: "E_UNREADABLE" }));
  });
});

test("a hook that throws ends the reading, and no descriptor is left open", () => {
  const file = `${tempDirectory()}/file`;
  writeFileSync(file, "x");
  const open = (): string => readdirSync("/proc/self/fd").flatMap(linkOf).join("\n");
  const head = (): never => {
    throw new Error("stop");
  };
  expect(() => readStable(file, new Keeper(), { head })).toThrow("stop");
  expect(open()).not.toContain(file);
});

test("the sink takes back what was written after a mark, as often as needed", () => {
  const path = `${tempDirectory()}/out`;
  const sink = new ArchiveSink(path);
  sink.write(Buffer.from("kept "));
  const mark = sink.mark();
  for (const size of [10, 3 * PIECE_SIZE]) {
    sink.write(Buffer.alloc(size, "x"));
    sink.rewind(mark);
  }
  sink.write(Buffer.from("end"));
  const { size, sha256 } = sink.finish();
  expect(readFileSync(path, "utf8")).toBe("kept end");
  expect(size).toBe(8);
  expect(execFileSync("sha256sum", [path], { encoding: "utf8" }).slice(0, 64)).toBe(sha256);
  expect(statSync(path).mode & 0o7777).toBe(0o640);
  expect(() => new ArchiveSink(path)).toThrow("EEXIST");
});

/** The file of a descriptor; the one of the listing itself is closed by then. */
function linkOf(descriptor: string): string[] {
  try {
    return [readlinkSync(`/proc/self/fd/${descriptor}`)];
  } catch {
    return [];
  }
}
