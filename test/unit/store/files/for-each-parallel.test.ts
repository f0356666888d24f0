/** Work on many items at once: how many, and what is still at work when one fails. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { forEachParallel } from "../../../../lib/store/files/for-each-parallel.ts";

test("as many are at work as the width says, and every item is worked on once", async () => {
  let atWork = 0;
  let most = 0;
  const done: number[] = [];
  await forEachParallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    most = Math.max(most, ++atWork);
    await sleep(1);
    atWork--;
    done.push(item);
  });
  expect(done.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(most).toBe(3);
});

test("the first error is thrown once nothing is at work any more, and nothing further is begun", async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const working = forEachParallel([1, 2, 3, 4, 5], 3, async (item) => {
    begun.push(item);
    await sleep(item === 2 ? 1 : 20);
    if (item > 1) throw new Error(`error ${item}`);
    ended.push(item);
  });
  await expect(working).rejects.toThrow("error 2");
  expect(begun).toEqual([1, 2, 3]);
  expect(ended).toEqual([1]);
});

test("items that cannot be listed are an error, after what is at work", async () => {
  let ended = false;
  const items = function* (): Generator<number> {
    yield 1;
    throw new Error("no more");
  };
  const working = forEachParallel(items(), 2, async () => {
    await sleep(10);
    ended = true;
  });
  await expect(working).rejects.toThrow("no more");
  expect(ended).toBe(true);
});
