/** The audio cache over many runs: after each, the parts unpacked in order, with the deleted removed, are the cache. */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import {
  backUp,
  eventually,
  faultsOf,
  rest,
  restoreByGuide,
  startBackup,
  type Summary,
} from "../../support/runs/backup.ts";
import { filesOf } from "../../support/files.ts";
import { compareTrees } from "../../support/compare.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { suiteDirectory } from "../../support/temp.ts";

const AUDIO_ONLY = { database: "", projects: "", legacy: "", snapshots: "", infra: "" };
const VOICE = "audio/tts_repository_orm/google/french/voice_0";

const directory = suiteDirectory("holdfast-e2e-");
let site: TestSite;
/** What each part number held when it was first seen. */
const everSeen = new Map<string, string>();

beforeAll(() => {
  site = makeSite(directory, { audioFiles: 14, audioBytes: 200_000, config: AUDIO_ONLY });
});

interface Layers {
  readonly run: Summary;
  /** Part → inode. */
  readonly parts: ReadonlyMap<string, number>;
}

/** Backs up, and compares what the guide restores with the cache. */
async function layer(args: readonly string[] = []): Promise<Layers> {
  await rest();
  const run = await backUp(site, args);
  expect(faultsOf(run.path)).toEqual([]);
  const root = mkdtempSync(join(directory, "restored-"));
  restoreByGuide(run.path, root);
  const cache = "audio/tts_repository_orm";
  expect(compareTrees(join(site.root, cache), join(root, cache))).toEqual([]);
  rmSync(root, { recursive: true });
  const archives = join(run.path, "audio_cache/archives");
  const parts = new Map(
    filesOf(archives)
      .filter((file) => file.endsWith(".tgz"))
      .map((file) => [file, statSync(join(archives, file)).ino]),
  );
  for (const part of parts.keys()) {
    const digest = createHash("sha256")
      .update(readFileSync(join(archives, part)))
      .digest("hex");
    expect(everSeen.get(part) ?? digest).toBe(digest);
    everSeen.set(part, digest);
  }
  return { run, parts };
}

const deletedOf = (run: Summary): string[] =>
  readFileSync(join(run.path, "audio_cache/archives/deleted.list"), "utf8")
    .split("\0")
    .filter((path) => path !== "");
const noise = (seed: string, size = 200_000): Buffer =>
  Buffer.concat(
    Array.from({ length: Math.ceil(size / 32) }, (_, at) => createHash("sha256").update(`${seed} ${at}`).digest()),
  ).subarray(0, size);

test("layer upon layer: added, changed, deleted, turned from file to directory and back, compacted", async () => {
  const first = await layer();
  expect(first.parts.size).toBe(3);

  site.write(`${VOICE}/new.mp3`, noise("new"));
  site.write(`${VOICE}/default_2.mp3`, noise("changed"));
  const second = await layer();
  for (const [part, inode] of first.parts) expect(second.parts.get(part)).toBe(inode);
  expect(second.parts.size).toBe(4);
  expect(deletedOf(second.run)).toEqual([]);

  rmSync(join(site.root, VOICE, "default_8.mp3"));
  const third = await layer();
  expect(deletedOf(third.run)).toEqual(["google/french/voice_0/default_8.mp3"]);

  rmSync(join(site.root, VOICE, "default_6.mp3"));
  site.write(`${VOICE}/default_6.mp3/inside.mp3`, noise("inside", 1000));
  const other = join(site.root, "audio/tts_repository_orm/google/french/voice_1");
  renameSync(other, join(directory, "away"));
  site.write("audio/tts_repository_orm/google/french/voice_1", "a file where a directory was\n");
  await layer();

  rmSync(other);
  renameSync(join(directory, "away"), other);
  symlinkSync("voice_1", join(site.root, "audio/tts_repository_orm/google/french/voice_2"));
  const fifth = await layer();
  expect(fifth.parts.get("tts_audio_part_0001.tgz")).toBe(first.parts.get("tts_audio_part_0001.tgz"));

  const unchanged = await layer();
  expect(unchanged.parts).toEqual(fifth.parts);
  expect(unchanged.run.units_built).toBe(0);

  for (const file of ["default_10.mp3", "default_12.mp3"]) rmSync(join(site.root, VOICE, file));
  const compacted = await layer();
  expect(compacted.parts.has("tts_audio_part_0001.tgz")).toBe(false);
  expect(everSeen.size).toBeGreaterThan(compacted.parts.size);
});

test("--existing overwrite gives the layout that a new store would have, byte for byte", async () => {
  const digests = ({ path }: Summary): string[] =>
    filesOf(join(path, "audio_cache/archives"))
      .filter((file) => !file.endsWith("metadata.json"))
      .map(
        (file) =>
          `${file} ${createHash("sha256")
            .update(readFileSync(join(path, "audio_cache/archives", file)))
            .digest("hex")}`,
      );
  const overwritten = await backUp(site, ["--existing", "overwrite"]);
  const elsewhere = await backUp({ ...site, dest: join(directory, "another store") });
  expect(digests(overwritten)).toEqual(digests(elsewhere));
});

test("a resumed run keeps the parts that were finished", async () => {
  const place = { ...site, dest: join(directory, "interrupted store") };
  mkdirSync(join(site.root, "audio/tts_repository_orm/large"));
  for (let file = 1; file <= 30; file++)
    site.write(`audio/tts_repository_orm/large/${file}.mp3`, noise(`large ${file}`, 1_000_000));
  await rest();
  const { child, done } = startBackup(place, ["--workers", "1"]);
  const finished = (): string[] => {
    if (!existsSync(join(place.dest, "runs"))) return [];
    return readdirSync(join(place.dest, "runs"))
      .flatMap((run) => filesOf(join(place.dest, "runs", run)))
      .filter((file) => /tts_audio_part_\d+.metadata/.test(file));
  };
  await eventually("three finished parts", () => finished().length >= 3);
  child.kill("SIGINT");
  expect((await done).code).toBe(130);
  const kept = finished();
  expect(kept.length).toBeGreaterThanOrEqual(3);

  const resumed = await backUp(place, ["--resume"]);
  expect(resumed.units_resumed).toBeGreaterThanOrEqual(kept.length);
  expect(faultsOf(resumed.path)).toEqual([]);
  const root = join(directory, "resumed");
  restoreByGuide(resumed.path, root);
  expect(compareTrees(join(site.root, "audio/tts_repository_orm"), join(root, "audio/tts_repository_orm"))).toEqual([]);
});
