/** Work on many things, a few at a time. */

/**
 * Runs `work` on every item, at most `width` at the same time. Unlike a queue of promises, this holds no more than the items at work. The
 * first error is thrown; no further item is begun then.
 */
export async function forEachParallel<T>(
  items: Iterable<T>,
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items[Symbol.iterator]();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (let next = waiting.next(); next.done !== true && !failed; next = waiting.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}
