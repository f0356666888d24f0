/** What every target does, whatever it is made of. */
import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { writeSums } from "../../../lib/store/run/checksums.ts";
import { describeFile, readLocalRun, type LocalRun } from "../../../lib/targets/core/local-run.ts";
import { receiptsDirectory } from "../../../lib/targets/core/receipt.ts";
import type { Target } from "../../../lib/targets/core/target.ts";
import { makeRun, makeStore } from "../../support/runs/stores.ts";
import type { TargetFixture } from "../../support/targets/fixture.ts";
import { TARGET_FIXTURES } from "../../support/targets/fixtures.ts";
import { openProbed } from "../../support/targets/open.ts";
import { tempDirectory } from "../../support/temp.ts";

const [FIRST, SECOND] = ["20261120T020000Z", "20261121T020000Z"] as const;
const ALL = { n: 1, t: 1 };
const { signal } = new AbortController();
const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");

interface Scene {
  readonly fixture: TargetFixture;
  readonly store: string;
  readonly target: Target;
  readonly first: LocalRun;
  /** A second run, in which the first unit is linked. */
  readonly second: LocalRun;
}

async function setUp(kind: string): Promise<Scene> {
  const directory = tempDirectory();
  const fixture = await (TARGET_FIXTURES[kind] ?? expect.fail())(directory);
  onTestFinished(async () => await fixture.close());
  const store = makeStore(path.join(directory, "store"));
  await makeRun(store, FIRST, [
    { directory: "source_exports/1", content: "the first unit\n" },
    { directory: "source_exports/2", content: "the second unit\n" },
  ]);
  await makeRun(store, SECOND, [
    { directory: "source_exports/1", content: "the first unit\n", linkedFrom: FIRST },
    { directory: "source_exports/2", content: "the second unit, changed\n" },
  ]);
  const [first, second] = [await readLocalRun(store, FIRST, signal), await readLocalRun(store, SECOND, signal)];
  const { target } = await openProbed(fixture.settings, store);
  onTestFinished(async () => await target.close());
  return { fixture, store, target, first, second };
}

/** Where the files of a run are at a target, and their digests. */
const placesOf = (fixture: TargetFixture, { run, artifacts, documents, sums }: LocalRun): Map<string, string> =>
  new Map([
    ...artifacts.map((file) => [fixture.placeOf({ run, ...file, isArtifact: true }), file.sha256] as const),
    ...[...documents, sums].map((file) => [fixture.placeOf({ run, ...file, isArtifact: false }), file.sha256] as const),
  ]);

const artifactOf = (run: LocalRun, unit: string) =>
  run.artifacts.find((file) => file.path === `source_exports/${unit}/content.txt`) ?? expect.fail();

const problemsOf = async (target: Target, run: LocalRun | string): Promise<string[]> => {
  const [id, local] = typeof run === "string" ? [run, undefined] : [run.run, run];
  const { problems } = await target.verify(id, { local, sample: ALL });
  return problems.map(({ path: file, message }) => `${file}: ${message}`);
};

describe.each(Object.keys(TARGET_FIXTURES))("%s", (kind) => {
  test("a probe finds what the target promises, and leaves none of its runs", async () => {
    const { fixture, target } = await setUp(kind);
    expect(await target.probe()).toMatchObject(fixture.promises);
    expect(await target.runs()).toEqual([]);
  });

  test("a pushed run is there, byte for byte as another client reads it", async () => {
    const { fixture, target, first } = await setUp(kind);
    const receipt = await target.push(first);
    expect(await target.runs()).toEqual([FIRST]);
    const found = await fixture.digests();
    for (const [place, digest] of placesOf(fixture, first)) expect([place, found.get(place)]).toEqual([place, digest]);
    expect(receipt).toMatchObject({ run: FIRST, sums_sha256: first.sums.sha256, target: "cellar" });
    expect(await problemsOf(target, first)).toEqual([]);
  });

  test("a run that is there is not sent again, and of the next one only what changed", async () => {
    const { fixture, store, target, first, second } = await setUp(kind);
    const one = await target.push(first);
    expect(one.sent.files).toBeGreaterThan(first.artifacts.length);
    const before = await fixture.digests();
    const again = await openProbed(fixture.settings, store);
    onTestFinished(async () => await again.target.close());
    expect((await again.target.push(first)).sent).toEqual({ files: 0, bytes: 0 });
    expect(await fixture.digests()).toEqual(before);
    const sent = await again.target.push(second);
    expect(sent.files.map((file) => file.path)).toContain("source_exports/1/content.txt");
    expect(sent.sent.bytes).toBeLessThan(one.sent.bytes + artifactOf(second, "2").size);
    expect(await target.runs()).toEqual([FIRST, SECOND]);
    expect(await problemsOf(target, second)).toEqual([]);
  });

  test("a run is none until all of it is there; then the push goes on", async () => {
    const { store, target, first } = await setUp(kind);
    const file = path.join(store, "runs", FIRST, "RESTORE.md");
    const text = readFileSync(file);
    writeFileSync(file, "how to resture\n"); // of the same size
    await expect(target.push(first)).rejects.toMatchObject({ code: "E_VERIFY" });
    expect(await target.runs()).toEqual([]);
    writeFileSync(file, text);
    await target.push(first);
    expect(await target.runs()).toEqual([FIRST]);
    expect(await problemsOf(target, first)).toEqual([]);
  });

  test("an artifact that is not what was recorded is not sent", async () => {
    const { store, target, first } = await setUp(kind);
    writeFileSync(path.join(store, "runs", FIRST, "source_exports/2/content.txt"), "the secund unit\n");
    await expect(target.push(first)).rejects.toMatchObject({ code: "E_VERIFY" });
    expect(await target.runs()).toEqual([]);
  });

  test("reads documents, artifacts and ranges", async () => {
    const { target, first } = await setUp(kind);
    await target.push(first);
    const reader = await target.reader(FIRST);
    expect(sha256(reader.sums)).toBe(first.sums.sha256);
    expect(reader.signature).toBeUndefined();
    const manifest = first.documents.find((file) => file.path === "manifest.json");
    expect(sha256(await buffer(await reader.open("manifest.json")))).toBe(manifest?.sha256);
    const file = "source_exports/1/content.txt";
    expect(String(await buffer(await reader.open(file)))).toBe("the first unit\n");
    expect(String(await buffer(await reader.open(file, { start: 4, end: 8 })))).toBe("first");
    await expect(reader.open("source_exports/3/content.txt")).rejects.toMatchObject({ code: "E_MISSING" });
    await expect(target.reader(SECOND)).rejects.toMatchObject({ code: "E_RUN_UNKNOWN" });
  });

  test("the signature goes with the run", async () => {
    const { fixture, store, target } = await setUp(kind);
    writeFileSync(path.join(store, "runs", FIRST, "SHA256SUMS.sig"), "a signature\n");
    const signed = await readLocalRun(store, FIRST, signal);
    await target.push(signed);
    expect(String((await target.reader(FIRST)).signature)).toBe("a signature\n");
    expect(await problemsOf(target, signed)).toEqual([]);
    await fixture.write(
      fixture.placeOf({ run: FIRST, path: "SHA256SUMS.sig", sha256: "", isArtifact: false }),
      "forged\n",
    );
    expect(await problemsOf(target, signed)).toEqual([expect.stringContaining("SHA256SUMS.sig: ")]);
  });

  describe("names what was changed there:", () => {
    const at = (scene: Scene, name: string): string =>
      scene.fixture.placeOf({ run: FIRST, path: name, sha256: "", isArtifact: false });

    test("an artifact of the same size", async () => {
      const scene = await setUp(kind);
      const { fixture, target, first } = scene;
      await target.push(first);
      const file = artifactOf(first, "1");
      await fixture.write(fixture.placeOf({ run: FIRST, ...file, isArtifact: true }), "the worst unit\n");
      const problems = await problemsOf(target, first);
      expect(problems.length).toBeGreaterThan(0);
      for (const problem of problems) expect(problem).toContain("source_exports/1/content.txt: ");
      const whole = buffer(await (await target.reader(FIRST)).open(file.path));
      if (fixture.hasVersions) expect(String(await whole)).toBe("the first unit\n");
      else await expect(whole).rejects.toMatchObject({ code: "E_VERIFY" });
    });

    test("a document, one that is missing and one that was added", async () => {
      const scene = await setUp(kind);
      const { fixture, target, first } = scene;
      await target.push(first);
      await fixture.write(at(scene, "RESTORE.md"), "rm -rf /\n");
      await fixture.remove(at(scene, "places.json"));
      await fixture.write(at(scene, "source_exports/more.json"), "{}\n");
      expect(await problemsOf(target, first)).toEqual([
        expect.stringMatching(/^RESTORE\.md: has the sha256 [0-9a-f]{64}, not [0-9a-f]{64}$/),
        expect.stringContaining("places.json: is missing"),
        expect.stringContaining("source_exports/more.json: is not in SHA256SUMS"),
      ]);
    });

    test("a whole run replayed under another name", async () => {
      const scene = await setUp(kind);
      const { fixture, store, target, first, second } = scene;
      await target.push(first);
      await target.push(second);
      for (const { path: name } of [...second.documents, second.sums])
        await fixture.write(
          fixture.placeOf({ run: SECOND, path: name, sha256: "", isArtifact: false }),
          readFileSync(path.join(store, "runs", FIRST, name), "utf8"),
        );
      expect(await problemsOf(target, second)).toContainEqual(expect.stringContaining("SHA256SUMS: was replaced"));
      // Without the run in the store, the receipt tells.
      expect(await problemsOf(target, SECOND)).toContainEqual(expect.stringContaining("SHA256SUMS: was replaced"));
    });
  });

  test("refuses another run of the same name, and the place of another store", async () => {
    const { fixture, store, target, first } = await setUp(kind);
    await target.push(first);
    appendFileSync(path.join(store, "runs", FIRST, "RESTORE.md"), "more\n");
    await writeSums(path.join(store, "runs", FIRST), new Map(), signal);
    const changed = await readLocalRun(store, FIRST, signal);
    await expect(target.push(changed)).rejects.toMatchObject({ code: "E_VERIFY" });
    rmSync(receiptsDirectory(store, "cellar"), { recursive: true });
    await expect(target.push(changed)).rejects.toMatchObject({ code: "E_VERIFY" });

    const other = makeStore(path.join(path.dirname(store), "other"));
    writeFileSync(
      path.join(other, "store.json"),
      readFileSync(path.join(store, "store.json"), "utf8").replace("an-id", "b-id"),
    );
    await makeRun(other, SECOND, [{ directory: "source_exports/1" }]);
    const elsewhere = await openProbed(fixture.settings, other);
    onTestFinished(async () => await elsewhere.target.close());
    await expect(elsewhere.target.push(await readLocalRun(other, SECOND, signal))).rejects.toMatchObject({
      code: "E_STORE",
    });
    expect(await target.runs()).toEqual([FIRST]);
  });

  test("takes over what is there when the receipts are lost", async () => {
    const { store, target, first, second } = await setUp(kind);
    await target.push(first);
    rmSync(receiptsDirectory(store, "cellar"), { recursive: true });
    const { sent, files } = await target.push(second);
    expect(sent.bytes).toBeLessThan(
      second.artifacts.concat(second.documents).reduce((sum, { size }) => sum + size, 0) * 2,
    );
    expect(files.map((file) => file.path)).toContain("source_exports/1/content.txt");
    expect(await problemsOf(target, second)).toEqual([]);
  });

  test("awkward names of documents", async () => {
    const { store, target, fixture } = await setUp(kind);
    const names = [
      "a b.json",
      'it\'s "quoted".json',
      "é 😀.json",
      "100%25 +&?#=;,.json",
      "[x] {y} $z `w`.json",
      "~.json",
      "a\\b.json",
    ];
    const directory = path.join(store, "runs", FIRST, "source_exports/1");
    mkdirSync(directory, { recursive: true });
    for (const name of names) writeFileSync(path.join(directory, name), name);
    await writeSums(path.join(store, "runs", FIRST), new Map(), signal);
    const run = await readLocalRun(store, FIRST, signal);
    await target.push(run);
    expect(await problemsOf(target, run)).toEqual([]);
    const found = await fixture.digests();
    for (const [place, digest] of placesOf(fixture, run)) expect([place, found.get(place)]).toEqual([place, digest]);
    const reader = await target.reader(FIRST);
    for (const name of names) expect(String(await buffer(await reader.open(`source_exports/1/${name}`)))).toBe(name);
  });

  test("evidence goes there and comes back, and once", async () => {
    const { store, target } = await setUp(kind);
    mkdirSync(path.join(store, "evidence", FIRST), { recursive: true });
    const name = `${FIRST}/drill-20261120T030000000Z.json`;
    writeFileSync(path.join(store, "evidence", name), '{"a": 1}\n');
    const file = await describeFile(path.join(store, "evidence"), name, signal);
    await target.sendEvidence([file]);
    await target.sendEvidence([file]);
    expect(await target.evidence()).toEqual([name]);
    expect(String(await buffer(await target.readEvidence(name)))).toBe('{"a": 1}\n');
  });

  test("prunes runs and what only they need; a dry run changes nothing", async () => {
    const { fixture, target, first, second } = await setUp(kind);
    await target.push(first);
    await target.push(second);
    const before = await fixture.digests();
    const dry = await target.prune({ remove: [FIRST], dryRun: true, minAgeMs: 0 });
    expect(dry.runs).toEqual([FIRST]);
    expect(await fixture.digests()).toEqual(before);
    if (fixture.promises.object_lock === true) {
      const { runs, kept } = await target.prune({ remove: [FIRST], dryRun: false, minAgeMs: 0 });
      expect(runs).toEqual([]);
      expect(kept).toContainEqual({
        path: expect.stringContaining(`runs/${FIRST}/SHA256SUMS`) as string,
        message: expect.stringContaining("locked until") as string,
      });
      expect(await target.runs()).toEqual([FIRST, SECOND]);
      return;
    }
    // What is young may be of a push that is not finished yet.
    await target.prune({ remove: [FIRST], dryRun: false, minAgeMs: 3_600_000 });
    expect(await target.runs()).toEqual([SECOND]);
    const places = await fixture.digests();
    expect(places.has(fixture.placeOf({ run: SECOND, ...artifactOf(second, "1"), isArtifact: true }))).toBe(true);
    await target.prune({ remove: [], dryRun: false, minAgeMs: 0 });
    const after = await fixture.digests();
    for (const [place, digest] of placesOf(fixture, second)) expect([place, after.get(place)]).toEqual([place, digest]);
    expect(after.has(fixture.placeOf({ run: FIRST, ...artifactOf(first, "2"), isArtifact: true }))).toBe(false);
    expect(await problemsOf(target, second)).toEqual([]);
  });
});
