/** Limits and counts the bytes that all streams of a target pass. */
import { setTimeout as sleep } from "node:timers/promises";
import { Transform, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** The clock of a bucket. */
export interface Clock {
  now(): number;
  sleep(milliseconds: number, signal: AbortSignal): Promise<unknown>;
}

const CLOCK: Clock = {
  now: () => performance.now(),
  sleep: async (ms, signal) => await sleep(ms, undefined, { signal }),
};
/** The tokens of this time may be saved up. */
const BURST_MS = 250;

/** A token bucket: takers wait in turn, so that all together do not pass more than `rate` bytes a second. */
export class TokenBucket {
  readonly #rate: number;
  readonly #clock: Clock;
  /** The time at which the bytes that were let through so far may all have passed. */
  #paidUntil = 0;

  constructor(rate: number, clock: Clock = CLOCK) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Waits until `bytes` may pass. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    this.#paidUntil = Math.max(this.#paidUntil, now - BURST_MS) + (bytes / this.#rate) * 1000;
    if (this.#paidUntil > now) await this.#clock.sleep(this.#paidUntil - now, signal);
  }
}

export interface Meter {
  readonly signal: AbortSignal;
  readonly bucket: TokenBucket | undefined;
  readonly onBytes: (bytes: number) => void;
}

/** Returns the stream with its bytes counted, and limited where there is a limit. */
export function metered(input: Readable, { signal, bucket, onBytes }: Meter): Readable {
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done): void {
      const pass = (): void => {
        onBytes(chunk.length);
        done(null, chunk);
      };
      if (bucket === undefined) pass();
      else bucket.take(chunk.length, signal).then(pass, done);
    },
  });
  pipeline(input, meter, { signal }).catch(() => {}); // whoever reads the meter gets the error
  return meter;
}
