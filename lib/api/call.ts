/** The frame of a call: an AbortSignal, a report of events, and errors with a code. */
import { asHoldfastError, HoldfastError } from "../errors.ts";
import type { Report } from "../model/event.ts";

export interface CallOptions {
  /** Aborts the work, which cleans up and throws `E_INTERRUPTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Called with every event, in order. Must not throw. */
  readonly report?: Report | undefined;
}

/** The frame of a command or a call. */
export interface Frame {
  readonly signal: AbortSignal;
  readonly report: Report;
}

/** Runs `work`; throws a HoldfastError in any case, and `E_INTERRUPTED` if the signal aborted it. */
export async function call<T>(
  { signal, report = () => {} }: CallOptions,
  work: (frame: Frame) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const abort = (): void => own.abort(interruption(signal?.reason));
  if (signal?.aborted === true) abort();
  else signal?.addEventListener("abort", abort, { once: true });
  try {
    own.signal.throwIfAborted();
    return await work({ signal: own.signal, report });
  } catch (error) {
    throw asHoldfastError(own.signal.aborted ? own.signal.reason : error);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

const interruption = (reason: unknown): HoldfastError =>
  reason instanceof HoldfastError ? reason : new HoldfastError("E_INTERRUPTED", "interrupted", { cause: reason });

/** Returns a function that reports warnings as events. */
export const warningsTo =
  ({ report }: Pick<Frame, "report">) =>
  (text: string): void =>
    report({ type: "note", level: "warning", text });

/** Returns the value. Throws `E_USAGE` for anything but a whole number of at least `least`. */
export function wholeNumber(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new HoldfastError("E_USAGE", `${name} must be a whole number of at least ${least}`);
}

/** Throws `E_USAGE` for the first two options of a list that are both given: one of them would be ignored. */
export function assertApart<T extends object>(options: T, ...lists: readonly (readonly (keyof T & string)[])[]): void {
  for (const list of lists) {
    const [first, second] = list.filter((name) => isGiven(options[name]));
    if (first !== undefined && second !== undefined)
      throw new HoldfastError("E_USAGE", `${first} and ${second} exclude each other`);
  }
}

const isGiven = (value: unknown): boolean =>
  value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
