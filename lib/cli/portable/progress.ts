/** How far an export or import is: one line on a terminal that changes. */
import { formatDuration } from "../../report/format.ts";
import { liveText } from "../../report/terminal.ts";

const EVERY_MS = 100;
/** Before this part of the work is done, how long the rest takes is a guess. */
const TELLING = 0.02;

/** What has been done, as far as the line is about it. */
export interface Done {
  readonly table: string;
  readonly phase: string;
  /** Of the table. */
  readonly rows: number;
  /** Of all tables and phases. */
  readonly done: number;
  /** The same when the end is reached, about; 0 where nobody knows. */
  readonly total: number;
  readonly elapsedMs: number;
}

/** `staging item: 12,000 rows, 40,000 rows/s, 1:05 min left`. */
export function progressText({ table, phase, rows, done, total, elapsedMs }: Done): string {
  const rate = elapsedMs === 0 ? 0 : Math.round((done / elapsedMs) * 1000);
  const parts = [`${phase} ${table}: ${rows.toLocaleString("en")} rows`, `${rate.toLocaleString("en")} rows/s`];
  const part = total === 0 ? 0 : Math.min(1, done / total);
  if (part >= TELLING) parts.push(`${formatDuration(elapsedMs * (1 / part - 1))} left`);
  return parts.join(", ");
}

/** `total` rows, where somebody knows, go through each of `phases`. Nothing is shown where there is no terminal, nor with `--json` or `--quiet`. */
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
