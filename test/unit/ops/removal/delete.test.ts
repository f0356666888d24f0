import { existsSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { asHoldfastError } from "../../../../lib/errors.ts";
import { deleteRun, type DeleteOutcome } from "../../../../lib/ops/removal/delete.ts";
import { acquireLock } from "../../../../lib/store/lock/acquire.ts";
import { ownerOfThisProcess } from "../../../../lib/store/lock/process-owner.ts";
import { listReaders, pinRun } from "../../../../lib/store/lock/pins.ts";
import { makeRun, makeStore } from "../../../support/runs/stores.ts";
import { tempDirectory } from "../../../support/temp.ts";

const [FIRST, SECOND, THIRD] = ["20260101T000000Z", "20260102T000000Z", "20260103T000000Z"] as const;
const { signal } = new AbortController();

const newStore = (): string => makeStore(path.join(tempDirectory(), "store"));
const runs = (store: string): string[] => readdirSync(path.join(store, "runs")).toSorted();

async function remove(store: string, run: string, dryRun = false): Promise<DeleteOutcome> {
  return await deleteRun({ store, run, dryRun, breakLock: false }, { signal, report: () => {} });
}

/** The code and the message of the error that a deletion ends with. */
const refusal = async (store: string, run: string): Promise<string> =>
  await remove(store, run).then(
    () => "deleted",
    (error: unknown) => `${asHoldfastError(error).code} ${asHoldfastError(error).message}`,
  );

describe("delete", () => {
  test("removes a run whose units all live on in another, and nothing else", async () => {
    const store = newStore();
    await makeRun(store, FIRST, [{ directory: "source_exports/1", content: "old" }, { directory: "db/site" }]);
    await makeRun(store, SECOND, [{ directory: "source_exports/1", content: "new" }, { directory: "db/site" }]);
    expect(await remove(store, FIRST, true)).toMatchObject({ run: FIRST, incomplete: false });
    expect(runs(store)).toEqual([FIRST, SECOND]);
    expect(await remove(store, FIRST)).toMatchObject({ run: FIRST });
    expect(runs(store)).toEqual([SECOND]);
    expect(readlinkSync(path.join(store, "latest"))).toBe(`runs/${SECOND}`);
    expect(readdirSync(path.join(store, ".tmp"))).toEqual([]);
    expect(existsSync(path.join(store, ".lock"))).toBe(false);
  });

  test("keeps the latest run", async () => {
    const store = newStore();
    await makeRun(store, FIRST, [{ directory: "db/site" }]);
    await makeRun(store, SECOND, [{ directory: "db/site" }]);
    expect(await refusal(store, SECOND)).toMatch(/^E_PROTECTED .* is the latest/);
  });

  test("a newer run of a selection does not take the latest's protection away", async () => {
    const store = newStore();
    await makeRun(store, FIRST, [{ directory: "db/site" }]);
    await makeRun(store, SECOND, [{ directory: "db/site" }], { scope: { steps: ["db"] } });
    expect(await refusal(store, FIRST)).toMatch(/^E_PROTECTED .* is the latest/);
    expect(await refusal(store, SECOND)).toBe("deleted");
  });

  test("keeps the last good copy of a unit that the site does not have any more, and names it", async () => {
    const store = newStore();
    await makeRun(store, FIRST, [{ directory: "source_exports/1" }, { directory: "source_exports/2" }]);
    await makeRun(store, SECOND, [{ directory: "source_exports/1" }]);
    expect(await refusal(store, FIRST)).toMatch(/^E_PROTECTED .* holds the last good copy of source_exports\/2$/);
    expect(runs(store)).toEqual([FIRST, SECOND]);
  });

  test("a damaged copy elsewhere does not count: its artifact, its metadata, or its SHA256SUMS", async () => {
    for (const file of ["source_exports/1/content.txt", "source_exports/1/metadata.json", "SHA256SUMS"]) {
      const store = newStore();
      await makeRun(store, FIRST, [{ directory: "source_exports/1", content: "12345" }]);
      const second = await makeRun(store, SECOND, [{ directory: "source_exports/1", content: "12345" }]);
      writeFileSync(path.join(second, file), "1234X"); // of the same length as the artifact: only reading it tells
      expect(await refusal(store, FIRST)).toMatch(/^E_PROTECTED .*source_exports\/1/);
    }
  });

  test("a hard link is a copy as good as what it stands for", async () => {
    const store = newStore();
    await makeRun(store, FIRST, [{ directory: "source_exports/1" }]);
    await makeRun(store, SECOND, [{ directory: "source_exports/1", linkedFrom: FIRST }]);
    const { freed_bytes } = await remove(store, FIRST, true);
    expect(await refusal(store, FIRST)).toBe("deleted");
    expect(existsSync(path.join(store, "runs", SECOND, "source_exports/1/content.txt"))).toBe(true);
    expect(freed_bytes).toBeGreaterThan(0);
  });

  test("audio shards count together: a shard may have been merged into another, not all be gone", async () => {
    const shard = (number: number): { directory: string } => ({
      directory: `audio_cache/archives/tts_audio_part_000${number}`,
    });
    const store = newStore();
    await makeRun(store, FIRST, [shard(1), shard(2)]);
    await makeRun(store, SECOND, [{ directory: "db/site" }]);
    expect(await refusal(store, FIRST)).toMatch(/^E_PROTECTED .*audio_cache\/archives$/);
    const third = await makeRun(store, THIRD, [{ directory: "db/site" }, shard(3), shard(4)]);
    writeFileSync(path.join(third, shard(4).directory, "content.txt"), "damaged");
    expect(await refusal(store, FIRST)).toMatch(/^E_PROTECTED .*audio_cache\/archives$/);
    writeFileSync(path.join(third, shard(4).directory, "content.txt"), shard(4).directory);
    expect(await refusal(store, FIRST)).toBe("deleted");
  });

  test("keeps a run that is being read, until it is read no more; a dead reader does not count", async () => {
    const store = newStore();
    await makeRun(store, FIRST, [{ directory: "db/site" }]);
    await makeRun(store, SECOND, [{ directory: "db/site" }]);
    const unpin = await pinRun(store, FIRST, "verify");
    expect(await refusal(store, FIRST)).toMatch(/^E_PROTECTED .* is being read by verify \(pid \d+ on /);
    unpin();
    const dead = { run: FIRST, owner: { ...ownerOfThisProcess("verify", "token"), started: "1" } };
    writeFileSync(path.join(store, "pins", `${FIRST}-1-dead.json`), JSON.stringify(dead));
    writeFileSync(path.join(store, "pins", `${FIRST}-2-half.json`), "{");
    expect(await refusal(store, FIRST)).toBe("deleted");
    expect(readdirSync(path.join(store, "pins"))).toEqual([]);
  });

  test("a reader on another host counts", async () => {
    const store = newStore();
    await makeRun(store, FIRST, [{ directory: "db/site" }]);
    const elsewhere = { run: FIRST, owner: { ...ownerOfThisProcess("push", "token"), host: "elsewhere" } };
    writeFileSync(path.join(store, "pins", `${FIRST}-1-far.json`), JSON.stringify(elsewhere));
    expect(listReaders(store, FIRST).map((reader) => reader.host)).toEqual(["elsewhere"]);
  });

  test("a record stuck in progress can be deleted", async () => {
    const store = newStore();
    await makeRun(store, FIRST, [{ directory: "db/site" }]);
    mkdirSync(path.join(store, "runs", `.incomplete-${SECOND}`, "db"), { recursive: true });
    expect(await remove(store, SECOND)).toMatchObject({ run: SECOND, incomplete: true });
    expect(runs(store)).toEqual([FIRST]);
  });

  test("changes nothing while another command holds the lock", async () => {
    const store = newStore();
    await makeRun(store, FIRST, [{ directory: "db/site" }]);
    await makeRun(store, SECOND, [{ directory: "db/site" }]);
    const lock = await acquireLock(path.join(store, ".lock"), {
      command: "backup_all",
      signal,
      tmp: path.join(store, ".tmp"),
      onCompromised: () => {},
    });
    expect(await refusal(store, FIRST)).toMatch(/^E_LOCKED .* backup_all /);
    await lock.release();
    expect(runs(store)).toEqual([FIRST, SECOND]);
  });

  test("what a crash left of an earlier deletion does not hinder", async () => {
    const store = newStore();
    await makeRun(store, FIRST, [{ directory: "db/site" }]);
    await makeRun(store, SECOND, [{ directory: "db/site" }]);
    mkdirSync(path.join(store, ".tmp", FIRST, "db"), { recursive: true });
    expect(await refusal(store, FIRST)).toBe("deleted");
  });

  test("an unknown run, latest by name, a path and no store are errors of their own", async () => {
    const store = newStore();
    await makeRun(store, FIRST, [{ directory: "db/site" }]);
    expect(await refusal(store, SECOND)).toMatch(/^E_RUN_UNKNOWN /);
    expect(await refusal(store, "latest")).toMatch(/^E_USAGE /);
    expect(await refusal(store, `../runs/${FIRST}`)).toMatch(/^E_USAGE /);
    expect(await refusal(path.join(store, "none"), FIRST)).toMatch(/^E_STORE /);
  });
});
