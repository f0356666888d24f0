/** Numbers as people read them. */
import pluralize from "pluralize";

/** Bytes with a binary unit: `4.0 KiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? "B"}`;
}

/** A duration in seconds or minutes: `3.2 s`, `4:05 min`. */
export function formatDuration(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} min`;
}

export const HOUR_MS = 3_600_000;

/** Formats an age: `3 h`, `9 days`. */
export function formatAge(ms: number): string {
  const hours = Math.max(0, Math.floor(ms / HOUR_MS));
  return hours < 72 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}

/** The form of a word, or of a phrase with its verb, for a count: `unit`, `units`; `row is`, `rows are`. */
export const wordFor = (count: number, one: string, many = pluralize(one)): string => (count === 1 ? one : many);

/** `1 unit`, `2 units`; `1 row is`, `2 rows are`. */
export const plural = (count: number, one: string, many?: string): string => `${count} ${wordFor(count, one, many)}`;
