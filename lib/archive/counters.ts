/** Counts the work of archiving where it happens: figures of speed that do not depend on the machine. */

export interface Counters {
  /** Input files. */
  files_opened: number;
  /** Bytes read from these files. */
  bytes_read: number;
  /** Before they were. */
  bytes_deflated: number;
  /** Bytes of input and of archives. */
  bytes_hashed: number;
}

export const emptyCounters = (): Counters => ({ files_opened: 0, bytes_read: 0, bytes_deflated: 0, bytes_hashed: 0 });

/** The counters of this thread since it began. */
export const work: Counters = emptyCounters();

/** Adds to `total` what was done between two moments of a thread. */
export function addCounters(total: Counters, after: Counters, before: Counters = emptyCounters()): void {
  total.files_opened += after.files_opened - before.files_opened;
  total.bytes_read += after.bytes_read - before.bytes_read;
  total.bytes_deflated += after.bytes_deflated - before.bytes_deflated;
  total.bytes_hashed += after.bytes_hashed - before.bytes_hashed;
}
