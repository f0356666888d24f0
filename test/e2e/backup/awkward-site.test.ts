/** The main job on an awkward site, judged by the tools that an operator has: sha256sum, unzip, tar, sqlite3, bash. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { plantAwkward } from "../../support/sites/awkward.ts";
import {
  archivesOf,
  backUp,
  backupByScripts,
  faultsOf,
  manifestOf,
  metadataOf,
  rest,
  restoreByGuide,
  restoreScript,
  summaryOf,
  type Summary,
} from "../../support/runs/backup.ts";
import { filesOf } from "../../support/files.ts";
import { compareTrees } from "../../support/compare.ts";
import { filesOpened } from "../../support/opened.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { makeTemp, removeTree } from "../../support/temp.ts";

/** What `unzip` can't give back: times of links, those of UT before 1970 and after 2038, and which names are one file. */
const ZIP_TIMES = /"[^"]*(link[^/]*|loop .|before 19[07].|after 2107|empty directory|latest)": mtime /;

let directory: string;
let site: TestSite;
let first: Summary;

beforeAll(async () => {
  directory = makeTemp("holdfast-e2e-");
  site = makeSite(directory, { projects: 3, audioFiles: 12, audioBytes: 200_000 });
  plantAwkward(join(site.root, "clara_content/Project_1/odd"));
  plantAwkward(join(site.root, "clara_compiled/1/odd"));
  plantAwkward(join(site.root, "lara_legacy/Awkward tree"));
  plantAwkward(join(site.root, "audio/tts_repository_orm/odd"));
  plantAwkward(join(site.root, "images/odd"));
  const invalid = Buffer.concat([Buffer.from(`${site.root}/lara_legacy/`), Buffer.from("caf\xe9\n1", "latin1")]);
  mkdirSync(invalid);
  writeFileSync(Buffer.concat([invalid, Buffer.from("/page.html")]), "<p>Invalid name</p>\n");
  site.write("clara_content/Nobody's own/text.txt", "a directory without a row\n");
  site.write("clara_content/loose.txt", "beside the projects\n");
  await rest();
  first = summaryOf(await backupByScripts(site));
});
afterAll(() => removeTree(directory));

describe("the first run of an awkward site", () => {
  test("is complete, and every file is what SHA256SUMS says", () => {
    expect(first).toMatchObject({ status: "complete", failed: 0 });
    // Nothing is uncovered but what links lead to.
    const trees = [
      "clara_content/Project_1",
      "clara_compiled/1",
      "lara_legacy/Awkward tree",
      "audio/tts_repository_orm",
      "images",
    ];
    expect(first.uncovered).toEqual(
      trees
        .map((tree) => `${tree}/${tree === "lara_legacy/Awkward tree" ? "" : "odd/"}absolute link -> /etc/hostname`)
        .toSorted(),
    );
    expect(faultsOf(first.path)).toEqual([]);
    for (const [name, step] of Object.entries(manifestOf(first.path).steps)) {
      expect({ name, expected: step.expected }).toEqual({ name, expected: step.units + step.skipped });
    }
  });

  test("holds archives that unzip and tar find nothing wrong with", () => {
    for (const file of archivesOf(first.path).keys()) {
      const argv = file.endsWith(".zip") ? ["unzip", "-tq"] : ["tar", "tzf"];
      const { status, stderr } = spawnSync(argv[0] ?? "", [...argv.slice(1), join(first.path, file)], {
        encoding: "utf8",
        maxBuffer: 1 << 26,
      });
      expect({ file, status, stderr }).toEqual({ file, status: 0, stderr: "" });
    }
  });

  test("unpacks by hand into the site, byte for byte", () => {
    const into = join(directory, "unpacked");
    mkdirSync(into);
    const zip = (file: string, place: string): void =>
      void execFileSync("unzip", ["-qo", "-^", "-K", "-V", "-X", join(first.path, file), "-d", join(into, place)]);
    const tar = (file: string, place: string): void => {
      mkdirSync(join(into, place), { recursive: true });
      execFileSync("tar", ["-xzpf", join(first.path, file), "-C", join(into, place)]);
    };
    zip("source_exports/1/source.zip", "source");
    zip("legacy_zips/Awkward%20tree/legacy.zip", "legacy");
    zip("source_exports/~orphan-Nobody%27s%20own/source.zip", "orphan");
    tar("snapshots/full_media_tree.tgz", "media");
    const shards = filesOf(join(first.path, "audio_cache/archives")).filter((file) => file.endsWith(".tgz"));
    expect(shards.length).toBeGreaterThan(2);
    for (const shard of shards) tar(`audio_cache/archives/${shard}`, "audio");
    const times = join(first.path, "audio_cache/archives/directories.list");
    execFileSync("bash", ["-c", 'xargs -0 -r -n 2 touch -c -d < "$1"', "-", times], { cwd: join(into, "audio") });

    expect(differences("clara_content/Project_1", "source", "zip")).toEqual([]);
    expect(differences("lara_legacy/Awkward tree", "legacy", "zip")).toEqual([]);
    expect(differences("clara_content/Nobody's own", "orphan", "zip")).toEqual([]);
    expect(differences("images", "media/images", "tgz")).toEqual([]);
    expect(differences("audio/tts_repository_orm", "audio", "tgz")).toEqual([]);

    function differences(tree: string, unpacked: string, format: "zip" | "tgz"): string[] {
      const ignore = (path: string): boolean => /(^|\/)fifo$/.test(path);
      const found = compareTrees(join(site.root, tree), join(into, unpacked), {
        ignore,
        ...(format === "zip" ? { without: ["links"] as const } : {}),
      });
      return found.filter((line) => !ZIP_TIMES.test(line));
    }
  });

  test("is restored by the commands of its RESTORE.md, executed literally", () => {
    const root = join(directory, "by guide", "site");
    restoreByGuide(first.path, root);
    const ignore = (path: string): boolean =>
      /(^|\/)fifo$|-(shm|wal)$/.test(path) || path === "app" || path.startsWith("app/");
    const found = compareTrees(site.root, root, { ignore, without: ["links"] });
    expect(
      found.filter((line) => !ZIP_TIMES.test(line) && !/"(db.sqlite3|audio.tts_metadata.db)": content/.test(line)),
    ).toEqual([]);
    expect(
      execFileSync(
        "sqlite3",
        [join(root, "db.sqlite3"), "pragma integrity_check; select count(*) from clara_app_claraproject"],
        { encoding: "utf8" },
      ),
    ).toBe("ok\n3\n");
  });

  test("leaves a tidy store with modes that keep others out", () => {
    expect(readlinkSync(join(site.dest, "latest"))).toBe(`runs/${first.run}`);
    for (const name of [
      "source_exports",
      "compiled_exports",
      "legacy_zips",
      "audio_cache",
      "db",
      "snapshots",
      "infra",
      "manifest.json",
    ]) {
      expect(readlinkSync(join(site.dest, name))).toBe(`latest/${name}`);
      expect(existsSync(join(site.dest, name))).toBe(true);
    }
    expect(readdirSync(join(site.dest, "runs"))).toEqual([first.run]);
    expect(readdirSync(join(site.dest, ".tmp"))).toEqual([]);
    expect(existsSync(join(site.dest, ".lock"))).toBe(false);
    const modes = new Set(
      readdirSync(site.dest, { recursive: true, encoding: "utf8" })
        .map((name) => lstatSync(join(site.dest, name)))
        .filter((stat) => !stat.isSymbolicLink())
        .map((stat) => `${stat.isDirectory() ? "directory" : "file"} ${(stat.mode & 0o7777).toString(8)}`),
    );
    modes.delete("directory 700"); // .tmp
    expect([...modes].toSorted()).toEqual(["directory 750", "file 640"]);
    expect((statSync(site.dest).mode & 0o7777).toString(8)).toBe("750");
  });

  test("says what no archive can hold", () => {
    const { warnings } = metadataOf(first.path, "legacy_zips/Awkward%20tree");
    expect(warnings).toContain("dropped, a FIFO: fifo");
    const invalid = readdirSync(join(first.path, "legacy_zips")).find((name) => name.startsWith("caf"));
    expect(metadataOf(first.path, `legacy_zips/${invalid}`)).toMatchObject({
      unit: "caf\\xe9\\n1",
      unit_b64: Buffer.from("caf\xe9\n1", "latin1").toString("base64"),
    });
  });
});

test("trees that lie outside of the site, or behind a link, are restored to their places too", async () => {
  const temp = makeTemp("holdfast-e2e-");
  onTestFinished(() => removeTree(temp));
  const other = makeSite(temp, {
    config: {
      projects: "",
      infra: "",
      legacy: `legacy: { path: ${join(temp, "old content")} }`,
      snapshots: `snapshots: { media: [images, ${join(temp, "far media")}] }`,
      audio_cache:
        "audio_cache: { path: audio/tts_repository_orm, databases: [audio/tts_metadata.db, other/tts_metadata.db] }",
    },
  });
  const outside = join(temp, "old content");
  renameSync(join(other.root, "lara_legacy"), outside);
  renameSync(join(other.root, "audio/tts_repository_orm"), join(temp, "cache on another disk"));
  symlinkSync("../../cache on another disk", join(other.root, "audio/tts_repository_orm"));
  mkdirSync(join(temp, "far media"));
  writeFileSync(join(temp, "far media/film.mp4"), "film");
  mkdirSync(join(other.root, "other"));
  execFileSync("sqlite3", [join(other.root, "other/tts_metadata.db"), "create table other (id integer)"]);
  chmodSync(join(other.root, "images"), 0o2750);
  const run = await backUp(other);

  const root = join(temp, "restored");
  const elsewhere = join(temp, "elsewhere");
  mkdirSync(root);
  const script = restoreScript(run.path, root).replace(/^OUTSIDE=$/m, `OUTSIDE='${elsewhere}'`);
  execFileSync("bash", ["-c", script], { cwd: run.path });
  expect(compareTrees(outside, join(elsewhere, outside), { without: ["links"] })).toEqual([]);
  expect(compareTrees(join(temp, "far media"), join(elsewhere, temp, "far media"))).toEqual([]);
  expect(compareTrees(join(temp, "cache on another disk"), join(root, "audio/tts_repository_orm"))).toEqual([]);
  expect(compareTrees(join(other.root, "images"), join(root, "images"))).toEqual([]);
  expect((statSync(join(root, "images")).mode & 0o7777).toString(8)).toBe("2750");
  expect(execFileSync("sqlite3", [join(root, "other/tts_metadata.db"), ".tables"], { encoding: "utf8" })).toBe(
    "other\n",
  );
  expect(execFileSync("sqlite3", [join(root, "audio/tts_metadata.db"), ".tables"], { encoding: "utf8" })).toBe(
    "metadata\n",
  );
});

describe("a second run of an unchanged site", () => {
  let second: Summary;
  let opened: string[];
  beforeAll(async () => {
    opened = await filesOpened(site.root, async () => (second = summaryOf(await backupByScripts(site))));
  });

  test("opens no file of the site but its databases and what infra is made of, and says so", () => {
    const ALWAYS_NEW = /\.(db|sqlite3)(-wal|-shm|-journal)?$|\/(nginx\.conf|\.env)$|\/app\//;
    expect(opened.filter((file) => !ALWAYS_NEW.test(file))).toEqual([]);
    expect(opened).toContain(join(site.root, "db.sqlite3"));
    const work = ({ files_opened, bytes_read, bytes_deflated, bytes_hashed }: Summary): number[] => [
      files_opened,
      bytes_read,
      bytes_deflated,
      bytes_hashed,
    ];
    expect(work(second)).toEqual([0, 0, 0, 0]);
    expect(Math.min(...work(first))).toBeGreaterThan(1);
    expect(first.bytes_deflated).toBeLessThan(first.bytes_hashed);
  });

  test("has every archive as the same file, and says which run built it", () => {
    expect(archivesOf(second.path)).toEqual(archivesOf(first.path));
    expect(metadataOf(second.path, "source_exports/1")).toMatchObject({ built_in: first.run });
    expect(second.units_reused).toBe(second.units - 2); // the dump and infra are always new
    expect(second.units).toBe(first.units);
    expect(faultsOf(second.path)).toEqual([]);
    expect(readlinkSync(join(site.dest, "latest"))).toBe(`runs/${second.run}`);
  });

  test("gives the same bytes when everything is built anew", async () => {
    const third = await backUp(site, ["--existing", "overwrite"]);
    expect(third.units_reused).toBe(0);
    const digests = (run: string): string[] => [...archivesOf(run)].map(([file, { sha256 }]) => `${sha256} ${file}`);
    expect(digests(third.path)).toEqual(digests(first.path));
    expect(archivesOf(third.path)).not.toEqual(archivesOf(first.path));
    for (const workers of ["1", "5"]) {
      const env = { TZ: "Pacific/Chatham", LC_ALL: "C" };
      const other = await backupByScripts(site, ["--existing", "overwrite", "--workers", workers], { env });
      expect(digests(summaryOf(other).path)).toEqual(digests(first.path));
    }
  });
});

describe("a unit of an earlier run is not inherited", () => {
  const legacyOnly = { database: "", projects: "", audio_cache: "", snapshots: "", infra: "" };
  let small: TestSite;
  let run: Summary;

  beforeAll(async () => {
    small = makeSite(makeTemp("holdfast-e2e-"), { config: { ...legacyOnly, rehash: "rehash_every: 1" } });
    await rest();
    run = await backUp(small);
  });
  afterAll(() => removeTree(join(small.root, "..")));

  const artifact = (of: Summary): string => join(of.path, "legacy_zips/Old_book/legacy.zip");
  const sha256 = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");

  test.each([
    ["when it is truncated", (file: string) => truncateSync(file, statSync(file).size - 1)],
    ["when a bit of it has flipped", flipBit],
    [
      "when its metadata says other than SHA256SUMS",
      (file: string) => appendFileSync(join(file, "../metadata.json"), " "),
    ],
  ])("%s", async (_what, damage) => {
    const sound = sha256(artifact(run));
    // A copy of its own: links would carry the damage into every run.
    for (const file of [artifact(run), join(artifact(run), "../metadata.json")]) copyFileSync(file, `${file}.copy`);
    for (const file of [artifact(run), join(artifact(run), "../metadata.json")]) renameSync(`${file}.copy`, file);
    damage(artifact(run));
    const next = await backUp(small);
    expect(metadataOf(next.path, "legacy_zips/Old_book").built_in).not.toBe(run.run);
    expect(metadataOf(next.path, "legacy_zips/Older%20book").built_in).not.toBe(next.run);
    expect(sha256(artifact(next))).toBe(sound);
    expect(faultsOf(next.path)).toEqual([]);
    run = next;
  });
});

function flipBit(file: string): void {
  const data = readFileSync(file);
  data[data.length >> 1] = (data[data.length >> 1] ?? 0) ^ 4;
  writeFileSync(file, data);
}

describe("what its mtime does not show", () => {
  const legacyOnly = { database: "", projects: "", audio_cache: "", snapshots: "", infra: "" };
  let small: TestSite;
  const at = (path: string): string => join(small.root, "lara_legacy", path);

  beforeAll(async () => {
    small = makeSite(makeTemp("holdfast-e2e-"), { config: legacyOnly });
    for (const tree of ["rewritten", "chmod", "link", "renamed", "unchanged"])
      small.write(`lara_legacy/${tree}/file.txt`, "before\n");
    symlinkSync("file.txt", at("link/link"));
    small.write("lara_legacy/renamed/other.txt", "other.\n");
    await rest();
    await backUp(small);
  });
  afterAll(() => removeTree(join(small.root, "..")));

  test("is a change all the same: a rewrite with its mtime restored, a mode, a link's target, another file moved in its place", async () => {
    const { atime, mtime } = statSync(at("rewritten/file.txt"));
    writeFileSync(at("rewritten/file.txt"), "after.\n");
    utimesSync(at("rewritten/file.txt"), atime, mtime);
    chmodSync(at("chmod/file.txt"), 0o600);
    const parent = statSync(at("link"));
    unlinkSync(at("link/link"));
    symlinkSync("File.txt", at("link/link"));
    utimesSync(at("link"), parent.atime, parent.mtime);
    const directory = statSync(at("renamed"));
    renameSync(at("renamed/other.txt"), at("renamed/file.txt"));
    utimesSync(at("renamed"), directory.atime, directory.mtime);
    await rest();
    const run = await backUp(small);
    const built = ["rewritten", "chmod", "link", "renamed", "unchanged", "Old_book"].map(
      (tree) => metadataOf(run.path, `legacy_zips/${tree}`).built_in === run.run,
    );
    expect(built).toEqual([true, true, true, true, false, false]);
    expect(
      execFileSync("unzip", ["-p", join(run.path, "legacy_zips/rewritten/legacy.zip"), "file.txt"], {
        encoding: "utf8",
      }),
    ).toBe("after.\n");
  });

  test("a unit that changed within two seconds of being read is read again the next time", async () => {
    const touch = setInterval(() => chmodSync(at("unchanged/file.txt"), 0o644), 100);
    const young = summaryOf(await backupByScripts(small, ["--only", "unchanged"]).finally(() => clearInterval(touch)));
    expect(metadataOf(young.path, "legacy_zips/unchanged").input.fingerprint).toBeNull();
    await rest();
    const next = await backUp(small, ["--only", "unchanged"]);
    expect(metadataOf(next.path, "legacy_zips/unchanged").built_in).toBe(next.run);
    const last = await backUp(small, ["--only", "unchanged"]);
    expect(metadataOf(last.path, "legacy_zips/unchanged").built_in).toBe(next.run);
  });
});
