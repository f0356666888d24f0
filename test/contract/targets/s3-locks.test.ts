/** Object lock, as the server keeps it: set with each object, and extended for the runs that are still needed. */
import { readFileSync, writeFileSync } from "node:fs";
import { GetObjectRetentionCommand } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { receiptFile, type Receipt } from "../../../lib/targets/core/receipt.ts";
import { makeRun } from "../../support/runs/stores.ts";
import { pushScene, type PushScene } from "../../support/targets/scene.ts";
import { tempDirectory } from "../../support/temp.ts";

const DAY_MS = 24 * 3_600_000;
const [FIRST, SECOND] = ["20261120T020000Z", "20261121T020000Z"] as const;

const receiptOf = ({ store }: PushScene, run: string): Receipt =>
  JSON.parse(readFileSync(receiptFile(store, "cellar", run), "utf8")) as Receipt;

/** Days for which the server keeps each file of a run, as the bucket's owner is told. */
async function locksOf({ bucket, settings, ...scene }: PushScene, run: string): Promise<number[]> {
  const days: number[] = [];
  for (const { key, version_id } of receiptOf({ bucket, settings, ...scene }, run).files) {
    const { Retention } = await bucket.client.send(
      new GetObjectRetentionCommand({
        Bucket: bucket.name,
        Key: `${settings.prefix}${key}`,
        ...(version_id === null ? {} : { VersionId: version_id }),
      }),
    );
    expect(Retention?.Mode).toBe("COMPLIANCE");
    days.push(((Retention?.RetainUntilDate?.getTime() ?? 0) - Date.now()) / DAY_MS);
  }
  return days;
}

test("each object is locked for its days, and a push extends what less than half remains of", async () => {
  const scene = await pushScene(tempDirectory(), "lock", {
    object_lock: { days: 2 },
    retention: { keep_last: 5, interval: "9000d" },
  });
  await makeRun(scene.store, FIRST, [{ directory: "source_exports/1", content: "one\n" }]);
  expect(await scene.command("push", "--target", "cellar")).toMatchObject({ code: 0 });
  const first = await locksOf(scene, FIRST);
  expect(first.length).toBeGreaterThan(5);
  for (const days of first) expect(days).toBeCloseTo(2, 1);

  // Nothing is due yet.
  await makeRun(scene.store, SECOND, [{ directory: "source_exports/1", content: "one\n", linkedFrom: FIRST }]);
  const second = await scene.command("push", "--target", "cellar", "--json");
  expect(second.json.at(-1)).toMatchObject({ locks_extended: 0 });

  // The days of the config are now so many that less than half remains.
  const config = readFileSync(scene.config, "utf8");
  writeFileSync(scene.config, config.replace('"days":2', '"days":9'));
  const third = await scene.command("push", "--target", "cellar", "--json");
  expect(third.json.at(-1)).toMatchObject({ locks_extended: expect.any(Number) as number });
  for (const run of [FIRST, SECOND]) for (const days of await locksOf(scene, run)) expect(days).toBeCloseTo(9, 1);
  for (const { locked_until } of receiptOf(scene, FIRST).files)
    expect((Date.parse(locked_until ?? "") - Date.now()) / DAY_MS).toBeCloseTo(9, 1);
});
