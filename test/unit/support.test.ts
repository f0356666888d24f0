import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { loadConfig } from "../../lib/config/load.ts";
import { uncoveredBy } from "../support/coverage.ts";
import { plantAwkward, plantUnreadable } from "../support/sites/awkward.ts";
import { compareTrees } from "../support/compare.ts";
import { startProgram } from "../support/commands/run.ts";
import { SECRETS, plantSecrets } from "../support/secrets.ts";
import { makeSite } from "../support/sites/site.ts";
import { tempDirectory } from "../support/temp.ts";

describe("compareTrees", () => {
  let a: string;
  let b: string;

  beforeEach(() => {
    const directory = tempDirectory();
    [a, b] = [join(directory, "a"), join(directory, "b")];
    plantAwkward(a);
    execFileSync("cp", ["-a", a, b]);
  });

  test("finds no difference between a tree of every awkward input and its copy", () => {
    expect(compareTrees(a, b)).toEqual([]);
    expect(readdirSync(a).length).toBeGreaterThan(50);
  });

  test.each<[string, (at: (name: string) => string) => void]>([
    ["a missing file", (at) => rmSync(at("Case"))],
    ["a further file", (at) => writeFileSync(at("further"), "")],
    ["another name", (at) => renameSync(at("Case"), at("CASE"))],
    ["one more byte", (at) => (appendFileSync(at("tab\tand\rreturn"), "!"), utimesSync(at("tab\tand\rreturn"), 1, 1))],
    ["the same length, other bytes", (at) => writeFileSync(at("setuid"), "CONTENT of setuid\n")],
    ["another mode", (at) => chmodSync(at("setuid"), 0o755)],
    ["another mode of a directory", (at) => chmodSync(at("sticky"), 0o777)],
    ["another time", (at) => utimesSync(at("odd second"), 1_600_000_002, 1_600_000_002)],
    ["another time of an empty directory", (at) => utimesSync(at("empty directory"), 1, 1)],
    ["another link target", (at) => (unlinkSync(at("loop a")), symlinkSync("loop c", at("loop a")))],
    ["a file for a link", (at) => (unlinkSync(at("loop a")), writeFileSync(at("loop a"), "loop b"))],
    [
      "a link that became a copy",
      (at) => (execFileSync("cp", ["-a", at("hard link 2"), at("copy")]), renameSync(at("copy"), at("hard link 2"))),
    ],
    ["a copy that became a link", (at) => (unlinkSync(at("CON")), linkSync(at("hard link 1"), at("CON")))],
  ])("finds %s", (_name, change) => {
    change((name) => join(b, name));
    expect(compareTrees(a, b)).not.toEqual([]);
  });

  test("leaves out what the format cannot hold", () => {
    chmodSync(join(b, "setuid"), 0o755);
    expect(compareTrees(a, b, { without: ["mode"] })).toEqual([]);
    rmSync(join(b, "fifo"));
    expect(compareTrees(a, b, { without: ["mode"], ignore: (path) => path === "fifo" })).toEqual([]);
  });
});

describe("plantAwkward", () => {
  test("plants names of 255 bytes, times before 1970, holes, links and bits that programs trip over", () => {
    const directory = tempDirectory();
    plantAwkward(directory);
    const names = readdirSync(directory, { encoding: "buffer" });
    expect(names.filter((name) => name.length === 255)).toHaveLength(2);
    expect(names.filter((name) => Buffer.from(name.toString()).compare(name) !== 0).length).toBeGreaterThan(4);
    expect(lstatSync(join(directory, "before 1970")).mtimeMs).toBe(-863_999_500);
    expect(lstatSync(join(directory, "dangling link")).mtimeMs).toBe(12_345_000);
    const sparse = statSync(join(directory, "sparse"));
    expect(sparse.blocks * 512).toBeLessThan(sparse.size / 10);
    expect(statSync(join(directory, "hard link 1")).nlink).toBe(3);
    expect(statSync(join(directory, "setuid")).mode & 0o7777).toBe(0o4755);
    expect(lstatSync(join(directory, "fifo")).isFIFO()).toBe(true);
  });
});

describe("startProgram", () => {
  test("keeps unreadable files from another user", async () => {
    const directory = tempDirectory();
    chmodSync(directory, 0o755);
    plantUnreadable(directory);
    const { code, stderr } = await startProgram(["cat", join(directory, "closed file")], { user: "nobody" }).done;
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("denied") as string });
  });

  test("gives what a program printed, its JSON lines, and how it ended", async () => {
    const script = 'console.log("{\\"a\\":1}\\nplain\\n[2]\\n{no"); console.error("aside"); process.exit(3)';
    const result = await startProgram([process.execPath, "-e", script]).done;
    expect(result).toMatchObject({ code: 3, signal: null, stderr: "aside\n", json: [{ a: 1 }, [2]] });
  });

  test("kills when asked to, and never waits for ever", async () => {
    expect(await startProgram(["sleep", "60"], { killAfter: 50 }).done).toMatchObject({
      code: null,
      signal: "SIGKILL",
    });
    await expect(startProgram(["sleep", "60"], { timeout: 50 }).done).rejects.toThrow("more than 50 ms");
  });
});

describe("makeSite", () => {
  test("makes a site that its config covers", async () => {
    const site = makeSite(tempDirectory());
    expect(await uncoveredBy(loadConfig(site.config, {}), site.dest)).toEqual([]);
  });

  test("makes a site that its config describes, with as many projects and files as wanted", () => {
    const site = makeSite(tempDirectory(), { projects: 5, files: 2, config: { legacy: "" } });
    const config = loadConfig(site.config, {});
    expect(config.root).toBe(site.root);
    expect(config.legacy).toBeUndefined();
    expect(readdirSync(join(site.root, "clara_content"))).toHaveLength(5);
    expect(readdirSync(join(site.root, "clara_content/Project_5/texts"))).toHaveLength(2);
    site.sql("delete from clara_app_claraproject where id = 5");
    expect(
      execFileSync("sqlite3", [site.database, "select count(*) from clara_app_claraproject"], { encoding: "utf8" }),
    ).toBe("4\n");
    expect(existsSync(site.dest)).toBe(false);
  });
});

describe("plantSecrets", () => {
  test("plants at least twenty, each with a marker that is found once or, in Base64, not at all", () => {
    const directory = tempDirectory();
    mkdirSync(join(directory, "site"));
    const files = plantSecrets(join(directory, "site"));
    const text = files.map((file) => readFileSync(join(directory, "site", file), "utf8")).join("");
    expect(SECRETS.length).toBeGreaterThanOrEqual(20);
    expect(SECRETS.filter(({ marker }) => text.split(marker).length !== 2).map(({ name }) => name)).toEqual([
      "basic credentials",
    ]);
  });
});
