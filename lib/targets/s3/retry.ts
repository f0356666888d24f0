/** Repeats a request whose content is a stream, which the SDK cannot send twice. */
import { setTimeout as sleep } from "node:timers/promises";
import { S3Failure } from "./failure.ts";

const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 300;

/** Runs `request` again after a failure that may pass, with longer pauses each time. */
export async function retried<T>(signal: AbortSignal, request: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await request();
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof S3Failure) || !error.isTransient) throw error;
      await sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1), undefined, { signal });
    }
  }
}
