/** Shows the progress of an export or import as one changing line on a terminal. */
import { formatDuration } from "../../report/format.ts";
import { liveText } from "../../report/terminal.ts";

const EVERY_MS = 100;
/** The share of the work before which the remaining time cannot be estimated. */
const MIN_SHARE = 0.02;

/** The progress shown in the line. */
export interface Done {
  readonly table: string;
  readonly phase: string;
  /** Rows of the table. */
  readonly rows: number;
  /** Rows of all tables and phases. */
  readonly done: number;
  /** The estimated total of `done`; 0 if unknown. */
  readonly total: number;
  readonly elapsedMs: number;
}

/** Returns a line such as `staging item: 12,000 rows, 40,000 rows/s, 1:05 min left`. */
export function progressText({ table, phase, rows, done, total, elapsedMs }: Done): string {
  const rate = elapsedMs === 0 ? 0 : Math.round((done / elapsedMs) * 1000);
  const parts = [`${phase} ${table}: ${rows.toLocaleString("en")} rows`, `${rate.toLocaleString("en")} rows/s`];
  const part = total === 0 ? 0 : Math.min(1, done / total);
  if (part >= MIN_SHARE) parts.push(`${formatDuration(elapsedMs * (1 / part - 1))} left`);
  return parts.join(", ");
}

/**
 * Returns a progress line for `total` rows, if known, in each of `phases`. Shows nothing without a terminal, or with
 * `--json` or `--quiet`.
 */
export function progressOf(
  { json, quiet }: { readonly json: boolean; readonly quiet: boolean },
  { total = 0, phases = 1 }: { readonly total?: number; readonly phases?: number } = {},
) {
  const shown = process.stderr.isTTY && !json && !quiet;
  const line = shown ? liveText(process.stderr) : undefined;
  const started = performance.now();
  const counts = new Map<string, number>();
  let [done, last] = [0, 0];
  return {
    rows(table: string, phase: string, rows: number): void {
      const key = `${phase} ${table}`;
      done += rows - (counts.get(key) ?? 0);
      counts.set(key, rows);
      const now = performance.now();
      if (line === undefined || now - last < EVERY_MS) return;
      last = now;
      line.draw(progressText({ table, phase, rows, done, total: total * phases, elapsedMs: now - started }));
    },
    end(): void {
      line?.clear();
    },
  };
}
