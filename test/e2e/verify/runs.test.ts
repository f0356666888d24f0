/** `verify` on real runs: a sound one passes, and whatever is changed in one is found and named. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Manifest } from "../../../lib/model/run.ts";
import type { Failure, IndexEntry, UnitMetadata } from "../../../lib/model/unit.ts";
import { verify as verifyRun, type Check, type Verification } from "../../../lib/ops/verify/run.ts";
import { runBuilt } from "../../support/runs/backup.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import type { RunOptions } from "../../support/commands/run.ts";
import { makeSite } from "../../support/sites/site.ts";
import { suiteDirectory, tempDirectory } from "../../support/temp.ts";
import { runSql } from "../../support/sqlite.ts";

const directory = suiteDirectory();
let store: string;
let run: string;

beforeAll(async () => {
  const site = makeSite(directory, { projects: 3, audioFiles: 6 });
  const backup = await runInProcess("backup_all", ["--config", site.config, "--dest", site.dest]);
  if (backup.code !== 0) throw new Error(backup.stderr);
  store = site.dest;
  [run = ""] = readdirSync(path.join(store, "runs"));
});

/** A copy of the store that a test may damage. */
class Damaged {
  readonly store = path.join(tempDirectory(), "store");
  readonly run = path.join(this.store, "runs", run);

  constructor() {
    cpSync(store, this.store, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  }

  at(file: string): string {
    return path.join(this.run, file);
  }

  /** Flips the lowest bit of one byte, of the middle one unless told otherwise. */
  flip(file: string, at = Math.floor(statSync(this.at(file)).size / 2)): void {
    const data = readFileSync(this.at(file));
    data.writeUInt8(data.readUInt8(at) ^ 1, at);
    writeFileSync(this.at(file), data);
  }

  edit(file: string, change: (text: string) => string): void {
    const text = readFileSync(this.at(file), "utf8");
    const changed = change(text);
    expect(changed, `${file} should have changed`).not.toBe(text);
    writeFileSync(this.at(file), changed);
  }

  editJson<T>(file: string, change: (value: T) => void): void {
    const value = JSON.parse(readFileSync(this.at(file), "utf8")) as T;
    change(value);
    writeFileSync(this.at(file), `${JSON.stringify(value, null, 2)}\n`);
  }

  /** Makes SHA256SUMS right again, as somebody who wanted to hide something would. */
  adjustSums(): void {
    const files = execFileSync("find", [".", "-type", "f", "!", "-name", "SHA256SUMS", "-printf", "%P\\n"], {
      cwd: this.run,
      encoding: "utf8",
    });
    const lines = files.trimEnd().split("\n").toSorted();
    const sum = (file: string): string =>
      createHash("sha256")
        .update(readFileSync(this.at(file)))
        .digest("hex");
    writeFileSync(this.at("SHA256SUMS"), lines.map((file) => `${sum(file)}  ${file}\n`).join(""));
  }
}

interface Result {
  readonly code: number | null;
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** `check path: message` of every problem. */
  readonly problems: readonly string[];
}

/** By the command, as a process of its own. */
async function verifyByCommand(where: string, args: readonly string[] = [], options: RunOptions = {}): Promise<Result> {
  const result = await runBuilt("verify", ["--dest", where, "--json", ...args], options);
  const summary = result.json.at(-1) as Verification & { message_type: string };
  if (summary?.message_type !== "summary") throw new Error(`${result.stdout}\n${result.stderr}`);
  expect(result.json.slice(0, -1)).toHaveLength(summary.checks.reduce((sum, check) => sum + check.problems.length, 0));
  return resultOf(result.code, summary);
}

/** By the function that the command calls: most of a process's second is its start. */
async function verify(where: string, request: { quick?: boolean; run?: string } = {}): Promise<Result> {
  const { signal } = new AbortController();
  const verification = await verifyRun({ store: where, run: "latest", quick: false, ...request }, { signal });
  return resultOf(verification.ok ? 0 : 13, verification);
}

function resultOf(code: number | null, { ok, checks }: Verification): Result {
  const problems = checks.flatMap((check) =>
    check.problems.map((problem) => `${check.id} ${problem.path}: ${problem.message}`),
  );
  return { code, ok, checks, problems };
}

const failed = ({ checks }: Result): string[] =>
  checks.filter((check) => check.state === "failed").map((check) => check.id);

/** Files of the run by the end of their name. */
const find = (end: string): string => {
  const files = execFileSync("find", [".", "-type", "f", "-printf", "%P\\n"], {
    cwd: path.join(store, "runs", run),
    encoding: "utf8",
  });
  const found = files
    .split("\n")
    .toSorted()
    .find((file) => file.endsWith(end));
  if (found === undefined) throw new Error(`no file ends in ${end}`);
  return found;
};

describe("a sound run", () => {
  test("passes every check, a line each, and exits 0", async () => {
    const { code, stdout } = await runInProcess("verify", ["--dest", store]);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.every((line) => line.startsWith("✓ "))).toBe(true);
    for (const title of [
      "project counts",
      "indexes",
      "checksums",
      "source archives",
      "compiled archives",
      "legacy archives",
      "audio shards",
      "snapshots",
      "audio databases",
      "database dump",
      "manifest totals",
      "run id",
    ])
      expect(lines.some((line) => line.startsWith(`✓ ${title} `))).toBe(true);
    expect(stdout).toContain("3 projects; source 3 units; compiled 2 units, 1 skipped");
  });

  test("verify adds its evidence and changes nothing else in the store, leaves no pin and nothing beside a database", async () => {
    expect((await verifyByCommand(store)).code).toBe(0); // which makes the directory of the evidence
    const list = (): string =>
      execFileSync("find", [store, "-printf", "%p %i %m %s %T@ %l\\n"], { encoding: "utf8" })
        .split("\n")
        .filter((line) => !/\/(?:pins |evidence\/)/.test(line))
        .toSorted()
        .join("\n");
    const before = list();
    expect((await verifyByCommand(store)).code).toBe(0);
    expect(list()).toBe(before);
  });

  test("a quick one reads no artifact: the ids of its checks are documented and stay", async () => {
    const damaged = new Damaged();
    damaged.flip("source_exports/1/source.zip");
    const quick = await verifyByCommand(damaged.store, ["--quick"]);
    expect(quick.code).toBe(0);
    expect(quick.checks.map((check) => check.id)).toEqual([
      "project_counts",
      "unit_counts",
      "indexes",
      "failures",
      "files",
      "sizes",
      "manifest_totals",
      "manifest_times",
      "documents",
      "run_id",
      "site",
      "format_versions",
    ]);
    const full = await verify(store);
    expect(full.checks.map((check) => check.id)).toEqual([
      "project_counts",
      "unit_counts",
      "indexes",
      "failures",
      "files",
      "sizes",
      "checksums",
      "archives_source_exports",
      "archives_compiled_exports",
      "archives_legacy_zips",
      "archives_audio_cache",
      "archives_snapshots",
      "audio_databases",
      "database_dump",
      "manifest_totals",
      "manifest_times",
      "documents",
      "run_id",
      "site",
      "format_versions",
    ]);
  });

  test("is verified on a store that cannot be written to", async () => {
    const { store: copy } = new Damaged();
    execFileSync("chmod", ["-R", "a+rX,a-w", path.dirname(copy)]);
    onTestFinished(() => void execFileSync("chmod", ["-R", "u+w", path.dirname(copy)]));
    expect(await verifyByCommand(copy, [], { user: "nobody" })).toMatchObject({ code: 0, problems: [] });
  });
});

describe("one flipped bit", () => {
  const documents = [
    "source_exports/1/metadata.json",
    "source_exports/index.json",
    "source_exports/failures.json",
    "manifest.json",
    "failures.json",
    "projects.json",
    "RESTORE.md",
    "site.yaml",
    "run.log",
  ];
  const artifacts = [
    "source_exports/2/source.zip",
    "compiled_exports/1/metadata.json",
    "legacy.zip",
    "tts_audio_part_0001.tgz",
    "tts_audio_part_0001.files.jsonl",
    "full_media_tree.tgz",
    "orm_db/tts_metadata.db",
    "infra/.env.sample",
  ];

  test.each([...documents, ...artifacts, "the dump"])("in %s is found, and the file named", async (what) => {
    const file = what === "the dump" ? dumpOf() : find(what);
    const damaged = new Damaged();
    damaged.flip(file);
    const result = await (what === "RESTORE.md" ? verifyByCommand : verify)(damaged.store);
    expect(result.code).toBe(13);
    expect(result.ok).toBe(false);
    expect(result.problems.filter((problem) => problem.startsWith(`checksums ${file}: `))).toHaveLength(1);
  });

  test("in SHA256SUMS is found, wherever it is", async () => {
    const size = readFileSync(path.join(store, "runs", run, "SHA256SUMS"), "utf8").indexOf("\n");
    // In the digest, in the blanks, in the name, and the end of the line.
    for (const at of [3, 64, 70, size]) {
      const damaged = new Damaged();
      damaged.flip("SHA256SUMS", at);
      const result = await verify(damaged.store);
      expect(result.code).toBe(13);
      expect(result.problems.length).toBeGreaterThan(0);
    }
  });

  test("in the digest of an artifact is laid to SHA256SUMS, because the metadata agrees with the file", async () => {
    const damaged = new Damaged();
    damaged.edit("SHA256SUMS", (text) =>
      text.replace(/^(.)(?=.*source_exports\/1\/source\.zip$)/m, (first) => (first === "0" ? "1" : "0")),
    );
    const result = await verify(damaged.store);
    expect(result.code).toBe(13);
    expect(result.problems).toContainEqual(
      expect.stringMatching(/^checksums SHA256SUMS: .*source_exports\/1\/source\.zip/),
    );
  });
});

function dumpOf(): string {
  const [dump] = readdirSync(path.join(store, "runs", run, "db")).filter((name) => name.endsWith(".db"));
  return `db/${dump}`;
}

describe("files that are not what they were", () => {
  test("a file that was removed is named", async () => {
    const damaged = new Damaged();
    rmSync(damaged.at("legacy_zips/Old_book/legacy.zip"));
    const result = await verify(damaged.store);
    expect(result.code).toBe(13);
    expect(result.problems).toContain("files legacy_zips/Old_book/legacy.zip: is missing");
    expect((await verify(damaged.store, { quick: true })).code).toBe(13);
  });

  test("a file that was added is named", async () => {
    const damaged = new Damaged();
    writeFileSync(damaged.at("source_exports/1/extra\n.txt"), "extra\n");
    const result = await verify(damaged.store);
    expect(result.code).toBe(13);
    expect(failed(result)).toEqual(["files"]);
    const text = await runInProcess("verify", ["--dest", damaged.store]);
    expect(text.stdout).toContain("    source_exports/1/extra\\n.txt: was added");
  });

  test("a link is an intruder, also one to a directory", async () => {
    const damaged = new Damaged();
    symlinkSync("/etc/passwd", damaged.at("infra/passwd"));
    symlinkSync("/etc", damaged.at("etc"));
    const result = await verify(damaged.store);
    expect(result.code).toBe(13);
    expect(result.problems).toEqual(
      expect.arrayContaining([expect.stringMatching(/^files infra\/passwd: /), expect.stringMatching(/^files etc: /)]),
    );
  });

  test("a file replaced by a link to a copy of it is an intruder", async () => {
    const damaged = new Damaged();
    const elsewhere = path.join(damaged.store, "elsewhere.zip");
    renameSync(damaged.at("source_exports/1/source.zip"), elsewhere);
    symlinkSync(elsewhere, damaged.at("source_exports/1/source.zip"));
    const result = await verify(damaged.store);
    expect(result.code).toBe(13);
    expect(result.problems).toContainEqual(
      expect.stringMatching(/^files source_exports\/1\/source\.zip: is not a regular file/),
    );
  });

  test("two files that were swapped are both named, each with whose content it has", async () => {
    const damaged = new Damaged();
    const [one, two] = ["source_exports/1/source.zip", "source_exports/2/source.zip"].map((file) => damaged.at(file));
    renameSync(one ?? "", damaged.at("aside"));
    renameSync(two ?? "", one ?? "");
    renameSync(damaged.at("aside"), two ?? "");
    const result = await verify(damaged.store);
    expect(result.code).toBe(13);
    expect(result.problems).toContainEqual(
      expect.stringMatching(/^checksums source_exports\/1\/source\.zip: .*content of source_exports\/2\/source\.zip/),
    );
    expect(result.problems).toContainEqual(
      expect.stringMatching(/^checksums source_exports\/2\/source\.zip: .*content of source_exports\/1\/source\.zip/),
    );
  });

  test("a line missing from SHA256SUMS, and SHA256SUMS missing altogether", async () => {
    const damaged = new Damaged();
    damaged.edit("SHA256SUMS", (text) => text.replace(/^.*projects\.json\n/m, ""));
    const result = await verify(damaged.store);
    expect(result.code).toBe(13);
    expect(result.problems).toContain("files projects.json: was added: SHA256SUMS does not list it");
    rmSync(damaged.at("SHA256SUMS"));
    const without = await verify(damaged.store);
    expect(without.code).toBe(13);
    expect(without.problems).toContain("files SHA256SUMS: is missing");
  });

  test("a 0-byte export does not pass as success", async () => {
    const damaged = new Damaged();
    truncateSync(damaged.at(dumpOf()), 0);
    damaged.adjustSums();
    const result = await verify(damaged.store);
    expect(result.code).toBe(13);
    expect(result.problems).toContain(`database_dump ${dumpOf()}: is empty`);
  });
});

describe("damage that SHA256SUMS was made to agree with", () => {
  test("a truncated zip is found by its metadata and by its own directory", async () => {
    const damaged = new Damaged();
    truncateSync(damaged.at("source_exports/1/source.zip"), 200);
    damaged.adjustSums();
    const result = await verify(damaged.store);
    expect(result.code).toBe(13);
    expect(failed(result)).toEqual(expect.arrayContaining(["sizes", "checksums", "archives_source_exports"]));
    expect((await verify(damaged.store, { quick: true })).problems).toContainEqual(
      expect.stringMatching(/^sizes source_exports\/1\/source\.zip: /),
    );
  });

  test("a zip whose content rotted before it was recorded is found by its CRC", async () => {
    const damaged = new Damaged();
    const file = "source_exports/1/source.zip";
    damaged.flip(file, 200);
    record(damaged, "source_exports", "source_exports/1/metadata.json", file);
    const result = await verify(damaged.store);
    expect(result.code).toBe(13);
    expect(failed(result)).toEqual(["archives_source_exports"]);
    expect(result.problems).toContainEqual(
      expect.stringMatching(/^archives_source_exports source_exports\/1\/source\.zip: /),
    );
  });

  test("a zip that lacks an entry is found by their number", async () => {
    const damaged = new Damaged();
    const file = "source_exports/1/source.zip";
    execFileSync("zip", ["-qd", damaged.at(file), "texts/text 1.txt"]);
    record(damaged, "source_exports", "source_exports/1/metadata.json", file);
    const result = await verify(damaged.store);
    expect(result.problems).toContainEqual(
      expect.stringMatching(/^archives_source_exports source_exports\/1\/source\.zip: holds \d+ entries, but /),
    );
  });

  test("a shard that does not hold what its list says is found", async () => {
    const damaged = new Damaged();
    const shard = find("tts_audio_part_0001.tgz");
    const unpacked = tempDirectory();
    execFileSync("tar", ["xzf", damaged.at(shard), "-C", unpacked]);
    const [song = ""] = execFileSync("find", [unpacked, "-name", "*.mp3"], { encoding: "utf8" })
      .split("\n")
      .toSorted()
      .filter((name) => name !== "");
    writeFileSync(song, "another sound");
    execFileSync(
      "sh",
      ["-c", `tar tzf "$1" > names && tar czf "$1" --no-recursion -T names`, "sh", damaged.at(shard)],
      { cwd: unpacked },
    );
    record(damaged, "audio_cache", find("tts_audio_part_0001/metadata.json"), shard);
    const result = await verify(damaged.store);
    expect(failed(result)).toEqual(["archives_audio_cache"]);
    expect(result.problems).toContainEqual(expect.stringContaining(path.basename(song)));
  });

  test("a database that lost rows is found, though SQLite finds it sound", async () => {
    const damaged = new Damaged();
    runSql(damaged.at(dumpOf()), "pragma foreign_keys = off; delete from auth_user; vacuum");
    record(damaged, "db", find("db.sqlite3/metadata.json"), dumpOf());
    const result = await verify(damaged.store);
    expect(failed(result)).toEqual(["database_dump"]);
    expect(result.problems).toContain(`database_dump ${dumpOf()}: holds 0 rows of auth_user, but 1 was counted`);
  });

  test("a damaged page of an audio database is found by SQLite's own check", async () => {
    const damaged = new Damaged();
    const file = "audio_cache/orm_db/tts_metadata.db";
    const data = readFileSync(damaged.at(file));
    data.fill(0xff, 4096 + 8, 4096 + 200);
    writeFileSync(damaged.at(file), data);
    record(damaged, "audio_cache", "audio_cache/orm_db/metadata.json", file);
    const result = await verify(damaged.store);
    expect(failed(result)).toEqual(["audio_databases"]);
  });

  test("an index that was rewritten to fewer units is found", async () => {
    const damaged = new Damaged();
    damaged.editJson<IndexEntry[]>("source_exports/index.json", (index) => index.pop());
    damaged.adjustSums();
    const result = await verify(damaged.store, { quick: true });
    expect(result.code).toBe(13);
    expect(result.problems).toEqual([
      expect.stringMatching(/^indexes source_exports\/index\.json: does not list source_exports\/3\/source\.zip/),
    ]);
  });

  test("an index that lists another size, and a manifest that does, are found", async () => {
    const damaged = new Damaged();
    damaged.editJson<IndexEntry[]>("legacy_zips/index.json", ([first]) => (there(first).size_bytes += 1));
    damaged.editJson<Manifest>(
      "manifest.json",
      ({ steps }) => (there(steps.snapshots?.index[0]).sha256 = "0".repeat(64)),
    );
    damaged.adjustSums();
    const { problems } = await verify(damaged.store, { quick: true });
    expect(problems).toHaveLength(2);
    expect(problems[0]).toMatch(/^indexes legacy_zips\/index\.json: differs from the metadata\.json of /);
    expect(problems[1]).toMatch(
      /^indexes manifest\.json: differs from the metadata\.json of snapshots\/full_media_tree\.tgz/,
    );
  });

  test("a unit that was removed everywhere is found by the count of projects", async () => {
    const damaged = new Damaged();
    rmSync(damaged.at("source_exports/2"), { recursive: true });
    damaged.editJson<IndexEntry[]>("source_exports/index.json", (index) => index.splice(1, 1));
    damaged.editJson<Manifest>("manifest.json", (manifest) => {
      const step = there(manifest.steps.source_exports);
      const gone = there(step.metadata.splice(1, 1)[0]);
      step.index.splice(1, 1);
      step.units -= 1;
      step.expected = step.units;
      step.size_bytes -= gone.size_bytes;
      manifest.totals.units -= 1;
      manifest.totals.artifacts -= 1;
      manifest.totals.size_bytes -= gone.size_bytes;
      manifest.totals.written_bytes -= gone.size_bytes;
    });
    damaged.adjustSums();
    const result = await verify(damaged.store, { quick: true });
    expect(result.code).toBe(13);
    expect(result.problems).toEqual([
      "project_counts source_exports/2: the project 2 (Project 2) has neither a unit nor a failure",
    ]);
  });

  test("a legacy unit that was removed is found by the count made before the export", async () => {
    const damaged = new Damaged();
    rmSync(damaged.at("legacy_zips/Old_book"), { recursive: true });
    damaged.editJson<IndexEntry[]>("legacy_zips/index.json", (index) =>
      index.splice(
        index.findIndex((entry) => entry.name === "Old_book"),
        1,
      ),
    );
    damaged.adjustSums();
    expect(failed(await verify(damaged.store, { quick: true }))).toEqual(["unit_counts", "indexes", "manifest_totals"]);
  });

  test("totals and times that do not fit are found", async () => {
    const damaged = new Damaged();
    damaged.editJson<Manifest>("manifest.json", (manifest) => {
      manifest.totals.size_bytes += 1;
      manifest.finished_at = "2020-01-01T00:00:00.000Z";
    });
    damaged.adjustSums();
    const result = await verify(damaged.store, { quick: true });
    expect(failed(result)).toEqual(["manifest_totals", "manifest_times"]);
  });

  test("stale failures left from an earlier run are found", async () => {
    const damaged = new Damaged();
    damaged.editJson<Failure[]>("failures.json", (failures) =>
      failures.push({ ...there(failures[0]), code: "E_IO", severity: "failed" }),
    );
    damaged.adjustSums();
    expect(failed(await verify(damaged.store, { quick: true }))).toEqual(["failures"]);
  });

  test("a failed unit that is in the lists all the same, as complete, is found", async () => {
    const damaged = new Damaged();
    const failure: Failure = {
      step: "legacy_zips",
      unit: "Lost",
      severity: "failed",
      code: "E_IO",
      message: "m",
      hint: "h",
      last_good_run: null,
      at: "2026-01-01T00:00:00.000Z",
    };
    damaged.editJson<Failure[]>("failures.json", (failures) => failures.push(failure));
    damaged.editJson<Failure[]>("legacy_zips/failures.json", (failures) => failures.push(failure));
    damaged.editJson<Manifest>("manifest.json", (manifest) => manifest.failures.push(failure));
    damaged.adjustSums();
    const result = await verify(damaged.store, { quick: true });
    expect(result.problems).toContain("manifest_totals manifest.json: the status is complete with 1 failed");
  });
});

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("it should be there");
  return value;
}

/** Makes everything that a run says of an artifact right again: metadata, index, manifest, sums. */
function record(damaged: Damaged, step: string, metadataFile: string, artifact: string): void {
  const data = readFileSync(damaged.at(artifact));
  const sha256 = createHash("sha256").update(data).digest("hex");
  const before = JSON.parse(readFileSync(damaged.at(metadataFile), "utf8")) as UnitMetadata;
  const grown = data.length - there(before.artifacts.find((one) => one.path === artifact)).size_bytes;
  const fix = (metadata: UnitMetadata): void => {
    Object.assign(there(metadata.artifacts.find((one) => one.path === artifact)), { size_bytes: data.length, sha256 });
    metadata.size_bytes += grown;
    if (metadata.sha256 !== null) metadata.sha256 = sha256;
  };
  const fixEntry = (entry: IndexEntry): void => {
    if (entry.path !== (before.artifacts.length === 1 ? artifact : path.posix.dirname(artifact))) return;
    entry.size_bytes += grown;
    if (entry.sha256 !== null) entry.sha256 = sha256;
  };
  damaged.editJson<UnitMetadata>(metadataFile, fix);
  damaged.editJson<IndexEntry[]>(`${step}/index.json`, (index) => index.forEach(fixEntry));
  damaged.editJson<Manifest>("manifest.json", ({ steps, totals }) => {
    const own = there(steps[step]);
    own.metadata.filter((one) => one.unit === before.unit).forEach(fix);
    own.index.forEach(fixEntry);
    own.size_bytes += grown;
    totals.size_bytes += grown;
    totals.written_bytes += grown;
  });
  damaged.adjustSums();
}

describe("which run, which store", () => {
  test("a run that was renamed is another run", async () => {
    const damaged = new Damaged();
    const other = "20200101T000000Z";
    renameSync(damaged.run, path.join(damaged.store, "runs", other));
    const result = await verify(damaged.store, { run: other });
    expect(result.code).toBe(13);
    expect(failed(result)).toEqual(expect.arrayContaining(["run_id"]));
    expect(result.problems).toContain(`run_id manifest.json: belongs to the run ${run}`);
  });

  test("the run of another site is found", async () => {
    const damaged = new Damaged();
    const file = path.join(damaged.store, "store.json");
    writeFileSync(file, readFileSync(file, "utf8").replace('"test"', '"other"'));
    expect(failed(await verify(damaged.store, { quick: true }))).toEqual(["site"]);
  });

  test("a latest run whose manifest is destroyed is not passed over for an older one", async () => {
    const damaged = new Damaged();
    writeFileSync(damaged.at("manifest.json"), "{");
    const result = await verify(damaged.store, { quick: true });
    expect(result.code).toBe(13);
    expect(result.problems).toContain("documents manifest.json: cannot be read as a manifest");
    rmSync(damaged.at("manifest.json"));
    expect((await verify(damaged.store)).problems).toContain("documents manifest.json: is missing");
  });

  test("a newer format is exit 14, in the manifest and in a unit", async () => {
    for (const file of ["manifest.json", "source_exports/1/metadata.json"]) {
      const damaged = new Damaged();
      damaged.edit(file, (text) => text.replace('"format_version": "1.0.0"', '"format_version": "2.0.0"'));
      const { code, stderr } = await runInProcess("verify", ["--dest", damaged.store]);
      expect(code).toBe(14);
      expect(stderr).toMatch(/^error: .*2\.0\.0.*\nhint: /);
    }
  });

  test("a newer minor version with keys that are not known is read", async () => {
    const damaged = new Damaged();
    damaged.editJson<Manifest>("manifest.json", (manifest) =>
      Object.assign(manifest, { format_version: "1.9.0", novelty: [1, { a: "]" }] }),
    );
    damaged.adjustSums();
    expect((await verify(damaged.store, { quick: true })).problems).toEqual([]);
  });

  test("no store is 10, no such run is 1, a wrong flag is 2, each with a hint", async () => {
    const empty = tempDirectory();
    expect(await runInProcess("verify", ["--dest", path.join(empty, "none")])).toMatchObject({ code: 10 });
    expect(await runInProcess("verify", ["--dest", empty])).toMatchObject({
      code: 10,
      stderr: expect.stringMatching(/^error: .*\nhint: /),
    });
    expect(await runInProcess("verify", ["--dest", store, "--run", "20200101T000000Z"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no run 20200101T000000Z"),
    });
    expect(await runInProcess("verify", ["--dest", store, "--fast"])).toMatchObject({ code: 2 });
    const json = await runInProcess("verify", ["--dest", empty, "--json"]);
    expect(json.json).toEqual([
      expect.objectContaining({ message_type: "exit_error", code: 10, error_code: "E_STORE" }),
    ]);
  });

  test("an unreadable file is a failed check that says so", async () => {
    const damaged = new Damaged();
    execFileSync("chmod", ["-R", "a+rX", path.dirname(damaged.store)]);
    chmodSync(damaged.at("source_exports/1/source.zip"), 0o000);
    const result = await verifyByCommand(damaged.store, [], { user: "nobody" });
    expect(result.code).toBe(13);
    expect(result.problems).toContainEqual(
      expect.stringMatching(/^checksums source_exports\/1\/source\.zip: cannot be read/),
    );
  });
});
