/** Runs work on many items, a few at a time. */

/**
 * Runs `work` on every item, at most `width` at the same time, and holds no other items in memory. Throws the first
 * error once nothing is at work any more; no further item is begun then.
 */
export async function forEachParallel<T>(
  items: Iterable<T>,
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items[Symbol.iterator]();
  const errors: unknown[] = [];
  const worker = async (): Promise<void> => {
    try {
      for (let next = waiting.next(); next.done !== true && errors.length === 0; next = waiting.next())
        await work(next.value);
    } catch (error) {
      errors.push(error);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  if (errors.length > 0) throw errors[0];
}
