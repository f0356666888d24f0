/** Sends to several routes at once, within ten seconds in all. Whatever goes wrong is an answer and never an error. */
import { asHoldfastError } from "../../errors.ts";
import type { Delivery } from "./core/alert.ts";
import { reasonOf } from "./core/reason.ts";

/** The time that all routes have together. */
const LIMIT_MS = 9_000;
/** The time in which a route has to end once that is over. */
const GRACE_MS = 1_000;

/** One message to one route. */
export interface Sending {
  readonly route: string;
  readonly send: (signal: AbortSignal) => Promise<Delivery>;
}

export interface Answer extends Delivery {
  readonly route: string;
}

/** Sends all; returns the answers in the same order. `spentMs` of the time are over already. */
export async function deliver(sendings: readonly Sending[], spentMs = 0): Promise<Answer[]> {
  return await Promise.all(sendings.map(async (sending) => await deliverOne(sending, spentMs)));
}

/** Sends one message. */
export async function deliverOne({ route, send }: Sending, spentMs = 0): Promise<Answer> {
  const limit = new AbortController();
  const abort = (): void => limit.abort(new DOMException("no answer in time", "TimeoutError"));
  const timers = [setTimeout(abort, LIMIT_MS - spentMs)];
  const over = new Promise<Delivery>((resolve) => {
    const end = (): void => resolve({ ok: false, answer: "no answer in time" });
    timers.push(setTimeout(end, LIMIT_MS + GRACE_MS - spentMs));
  });
  try {
    return { route, ...(await Promise.race([attempt(send, limit.signal), over])) };
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

async function attempt(send: Sending["send"], signal: AbortSignal): Promise<Delivery> {
  try {
    return await send(signal);
  } catch (error) {
    if (signal.aborted) return { ok: false, answer: reasonOf(signal.reason) };
    const { code, message } = asHoldfastError(error);
    return { ok: false, answer: code === "E_CONFIG" ? message : reasonOf(error) };
  }
}

/** Returns a warning for each route that failed. */
export const warningsOf = (answers: readonly Answer[]): string[] =>
  answers.flatMap(({ route, ok, answer }) => (ok ? [] : [`the alert route ${route} failed: ${answer}`]));
