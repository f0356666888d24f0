import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { metered, TokenBucket } from "../../../lib/targets/core/throttle.ts";

/** A clock that only sleeping moves. */
function fakeClock() {
  let now = 1000;
  return {
    now: () => now,
    sleep: async (milliseconds: number): Promise<void> => {
      now += milliseconds;
    },
  };
}

test("lets no more than the rate through, whatever the sizes are", async () => {
  const clock = fakeClock();
  const bucket = new TokenBucket(1_000_000, clock);
  const start = clock.now();
  const { signal } = new AbortController();
  let total = 0;
  for (const bytes of [1, 700_000, 3, 2_000_000, 64 * 1024, 5_000_000]) {
    await bucket.take(bytes, signal);
    total += bytes;
  }
  // What was saved up before the first byte may pass at once.
  expect(clock.now() - start).toBeGreaterThan(total / 1000 - 251);
  expect(clock.now() - start).toBeLessThanOrEqual(total / 1000);
});

test("counts what passes, and passes the error of its input on", async () => {
  const counted: number[] = [];
  const meter = {
    signal: new AbortController().signal,
    bucket: undefined,
    onBytes: (bytes: number) => void counted.push(bytes),
  };
  const chunks = [Buffer.from("one"), Buffer.from("three")];
  expect(String(await buffer(metered(Readable.from(chunks), meter)))).toBe("onethree");
  expect(counted).toEqual([3, 5]);
  const failing = Readable.from(
    (function* (): Generator<Buffer> {
      yield Buffer.from("x");
      throw new Error("broken");
    })(),
  );
  await expect(buffer(metered(failing, meter))).rejects.toThrow("broken");
});
