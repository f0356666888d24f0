/** One file is found in whichever run holds it, and brought back with nothing else. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { readZipDirectory } from "../../../lib/archive/zip/directory.ts";
import { backUp, isMessage, rest, stateOf, type Summary } from "../../support/runs/backup.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { filesOf } from "../../support/files.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { suiteDirectory, makeTemp, removeTree, tempDirectory } from "../../support/temp.ts";

const AWKWARD = [
  "two  words.txt",
  "new\nline.txt",
  "-dash.txt",
  "größe 🎈.txt",
  Buffer.from([0x66, 0xff, 0xfe, 0x2e, 0x74, 0x78, 0x74]).toString("latin1"),
];

const directory = suiteDirectory("holdfast-e2e-");
let site: TestSite;
let first: Summary;
let second: Summary;

beforeAll(async () => {
  site = makeSite(directory, { config: { legacy: "legacy: { path: lara_legacy, tgz_above_mb: 0 }" } });
  for (const name of AWKWARD) {
    const bytes = Buffer.from(name, name.startsWith("f\xff") ? "latin1" : "utf8");
    writeFileSync(Buffer.concat([Buffer.from(`${site.root}/clara_content/Project_1/texts/`), bytes]), name);
  }
  site.write("clara_content/Project_2/gone.txt", "deleted later");
  await rest();
  first = await backUp(site);
  rmSync(join(site.root, "clara_content/Project_2/gone.txt"));
  site.write("clara_content/Project_2/texts/text 1.txt", "another text");
  site.write("audio/tts_repository_orm/google/french/voice_1/default_1.mp3", "another sound");
  rmSync(join(site.root, "audio/tts_repository_orm/google/french/voice_1/default_3.mp3"));
  second = await backUp(site);
});

interface Found {
  readonly run: string;
  readonly path: string;
  readonly size: number;
  readonly step: string;
  readonly unit: string;
  readonly artifact: string;
}

async function find(...args: string[]): Promise<{ code: number | null; found: Found[]; stderr: string }> {
  const { code, json, stderr } = await runInProcess("find", ["--dest", site.dest, "--json", ...args]);
  return {
    code,
    stderr,
    found: json.filter((line) => isMessage(line) && line.message_type === "found") as unknown as Found[],
  };
}

describe("find", () => {
  test("by name: in which runs, in which unit, how long", async () => {
    const { found } = await find("text 1.txt");
    expect(found.filter(({ path }) => path.includes("Project_2"))).toEqual([
      expect.objectContaining({ run: second.run, step: "source_exports", unit: "2", size: 12 }),
      expect.objectContaining({ run: first.run, size: 200 }),
    ]);
    expect((await find("gone.txt")).found.map(({ run }) => run)).toEqual([first.run]);
    expect((await find("gone.txt", "--run", "latest")).found).toEqual([]);
    expect((await find("GONE.txt", "--ignore-case")).found).toHaveLength(1);
  });

  test("by glob of names, and of places", async () => {
    expect((await find("*.mp3", "--run", "latest")).found.map(({ path }) => path.slice(-13)).toSorted()).toEqual(
      [1, 2, 4, 5, 6].map((number) => `default_${number}.mp3`),
    );
    expect(
      (await find("lara_legacy/*/page_1.html", "--run", "latest")).found.map(({ unit }) => unit).toSorted(),
    ).toEqual(["Old_book", "Older book"]);
    expect((await find("**/French/**", "--run", "latest")).found).toEqual([]);
  });

  test("the live layer of a sound alone, and of a page the original", async () => {
    expect((await find("default_1.mp3", "--run", "latest")).found).toEqual([
      expect.objectContaining({
        size: "another sound".length,
        path: "audio/tts_repository_orm/google/french/voice_1/default_1.mp3",
      }),
    ]);
    const page = join(site.root, "clara_compiled/1/page_1.html");
    expect(
      (await find("page_1.html", "--run", "latest")).found.filter(({ path }) => path.startsWith("clara_compiled/1/")),
    ).toEqual([expect.objectContaining({ size: lstatSync(page).size, step: "compiled_exports" })]);
  });

  test("names that are no plain text", async () => {
    const { found } = await find("clara_content/Project_1/texts/*", "--run", "latest");
    expect(found).toHaveLength(AWKWARD.length + 3);
    expect(found.map(({ path }) => path)).toContain("clara_content/Project_1/texts/new\\nline.txt");
  });

  test("content is not read: a zip whose content is damaged tells what it holds; one without a directory is named", async () => {
    const zip = join(site.dest, "runs", second.run, "source_exports/1/source.zip");
    const whole = readFileSync(zip);
    const spoilt = Buffer.from(whole);
    for (const { offset, compressedSize, name } of readZipDirectory(zip))
      spoilt.fill(0x55, offset + 30 + name.length + 40, offset + 30 + name.length + compressedSize);
    writeFileSync(zip, spoilt);
    try {
      expect((await find("-dash.txt", "--run", "latest")).code).toBe(2); // a flag, not a name
      expect((await find("--run", "latest", "--", "-dash.txt")).found).toHaveLength(1);
      truncateSync(zip, 100);
      const { code, stderr, found } = await find("text 1.txt", "--run", "latest");
      expect({ code, found: found.length }).toEqual({ code: 13, found: 2 });
      expect(stderr).toContain("source_exports/1/source.zip");
    } finally {
      writeFileSync(zip, whole);
    }
  });
});

describe("find, where something is strange", () => {
  test("two trees of the same bytes are two; a dump is named as in its own run; a shard has the run that built it", async () => {
    const own = makeTemp("holdfast-e2e-");
    try {
      const twins = makeSite(own);
      for (const name of ["Twin A", "Twin B"]) {
        twins.write(`lara_legacy/${name}/page.html`, "the same");
        utimesSync(join(twins.root, "lara_legacy", name), 1e9, 1e9);
      }
      await rest();
      const one = await backUp(twins);
      twins.write("audio/tts_repository_orm/new.mp3", "new");
      await rest();
      const two = await backUp(twins);
      const ask = async (...args: string[]): Promise<Found[]> => {
        const { json } = await runInProcess("find", ["--dest", twins.dest, "--json", ...args]);
        return json.filter((line) => isMessage(line) && line.message_type === "found") as unknown as Found[];
      };
      expect((await ask("page.html")).map(({ run, unit, path }) => [run, unit, path])).toEqual(
        [two.run, one.run].flatMap((run) =>
          ["Twin A", "Twin B"].map((name) => [run, name, `lara_legacy/${name}/page.html`]),
        ),
      );
      const dumps = await ask("db.sqlite3");
      expect(new Set(dumps.map(({ artifact }) => artifact)).size).toBe(2);
      expect(await ask("new.mp3")).toEqual([expect.objectContaining({ run: two.run, built_in: two.run })]);
      expect((await ask("default_1.mp3", "--run", "latest"))[0]).toMatchObject({ built_in: one.run });
    } finally {
      removeTree(own);
    }
  });

  test("a damaged archive or document does not hide what a sound run has", async () => {
    const zip = join(site.dest, "runs", second.run, "source_exports/2/source.zip");
    const legacy = join(site.dest, "runs", second.run, "legacy_zips/Old_book/metadata.json");
    const [whole, document] = [readFileSync(zip), readFileSync(legacy)];
    rmSync(zip);
    writeFileSync(zip, whole.subarray(0, 50));
    rmSync(legacy);
    writeFileSync(legacy, "{");
    try {
      const { code, found, stderr } = await find("text 2.txt");
      expect(code).toBe(13);
      expect(found.filter(({ path }) => path.includes("Project_2")).map(({ run }) => run)).toEqual([first.run]);
      expect(stderr).toContain("source_exports/2/source.zip");
      expect(
        (await find("page_1.html")).found.filter(({ path }) => path.includes("Old_book")).map(({ run }) => run),
      ).toEqual([first.run]);
    } finally {
      rmSync(zip);
      writeFileSync(zip, whole);
      writeFileSync(legacy, document);
    }
  });

  test("a newline is a character, and ! has no meaning in a pattern", async () => {
    expect((await find("clara_content/Project_1/**", "--run", "latest")).found.map(({ path }) => path)).toContain(
      "clara_content/Project_1/texts/new\\nline.txt",
    );
    expect((await find("!text*", "--run", "latest")).found).toEqual([]);
  });
});

describe("restore --path", () => {
  const restore = async (place: string, to: string, ...args: string[]) =>
    await runInProcess("restore", ["--dest", site.dest, "--path", place, "--to", to, ...args]);

  test.each([
    ["clara_content/Project_1/texts/größe 🎈.txt", "größe 🎈.txt"],
    ["clara_compiled/1/page_1.html", undefined],
    ["lara_legacy/Older book/page_1.html", undefined],
    ["audio/tts_repository_orm/google/french/voice_1/default_1.mp3", "another sound"],
    ["images/image_repository_orm/shared/paper.png", undefined],
    ["lara_legacy/loose file.txt", "loose\n"],
    ["db.sqlite3", null],
  ])("%s", async (place, content) => {
    const to = join(tempDirectory(), "to");
    const { code, stderr } = await restore(place, to);
    expect(code, stderr).toBe(0);
    expect(filesOf(to)).toEqual([place]);
    if (content !== null) expect(readFileSync(join(to, place))).toEqual(readFileSync(join(site.root, place)));
    if (typeof content === "string") expect(readFileSync(join(to, place), "utf8")).toBe(content);
  });

  test("a directory, with the layers that are alive", async () => {
    const to = join(tempDirectory(), "to");
    await restore("audio/tts_repository_orm", to);
    expect(readdirSync(join(to, "audio/tts_repository_orm/google/french/voice_1")).toSorted()).toEqual([
      "default_1.mp3",
      "default_5.mp3",
    ]);
  });

  test("what find shows can be restored by name, also where it is not text", async () => {
    const { found } = await find("clara_content/Project_1/texts/*", "--run", "latest");
    for (const { path } of found) {
      const to = join(tempDirectory(), "to");
      const { code, stderr } = await restore(path, to);
      expect({ path, code, stderr: code === 0 ? "" : stderr }).toEqual({ path, code: 0, stderr: "" });
      expect([path, existsSync(to)]).toEqual([path, true]);
      expect(execFileSync("find", [to, "-type", "f", "-printf", "."]).toString()).toBe(".");
    }
  });

  test("a directory that several units have a part in comes whole, to a directory and in place", async () => {
    const to = join(tempDirectory(), "to");
    const { code, stderr } = await restore("audio", to);
    expect(code, stderr).toBe(0);
    expect(filesOf(to)).toEqual(filesOf(join(site.root, "audio")).map((file) => `audio/${file}`));
    rmSync(join(site.root, "audio"), { recursive: true });
    const run = ["--config", site.config, "--dest", site.dest];
    expect((await runInProcess("restore", [...run, "--path", "audio", "--in-place", "--yes"])).code).toBe(0);
    expect(filesOf(join(site.root, "audio"))).toEqual(filesOf(join(to, "audio")));
    expect((await runInProcess("restore", [...run, "--confirm"])).code).toBe(0);
  });

  test("of an earlier run, in place: that file alone is replaced, and can be taken back", async () => {
    const place = "clara_content/Project_2/gone.txt";
    const before = stateOf(join(site.root, "lara_legacy"));
    const run = ["--config", site.config, "--dest", site.dest];
    const result = await runInProcess("restore", [...run, "--run", first.run, "--path", place, "--in-place", "--yes"]);
    expect(result.code, result.stderr).toBe(0);
    expect(readFileSync(join(site.root, place), "utf8")).toBe("deleted later");
    expect(stateOf(join(site.root, "lara_legacy"))).toBe(before);
    await runInProcess("restore", [...run, "--rollback"]);
    expect(readdirSync(dirname(join(site.root, place)))).not.toContain("gone.txt");
    expect(readdirSync(directory).filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("what the run does not hold, or what is there already, is refused", async () => {
    const to = join(tempDirectory(), "to");
    expect((await restore("nothing/here", to)).code).toBe(1);
    mkdirSync(join(to, "images/image_repository_orm/shared"), { recursive: true });
    writeFileSync(join(to, "images/image_repository_orm/shared/paper.png"), "mine");
    expect((await restore("images/image_repository_orm/shared/paper.png", to)).code).toBe(1);
    expect(readFileSync(join(to, "images/image_repository_orm/shared/paper.png"), "utf8")).toBe("mine");
  });
});
