/** A history of good runs before those of a store, as its own runs would have left it. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Figures {
  run: string;
  steps: Record<string, { units: Record<string, { tables?: Record<string, number> }> }>;
}

/** Writes the figures of `runs` runs, a day apart, like those of the store's first run; table sizes differ a little. */
export function makeHistory(store: string, runs: number): void {
  const directory = join(store, "history");
  mkdirSync(directory, { recursive: true });
  const [first = ""] = readdirSync(directory).toSorted();
  const figures = JSON.parse(readFileSync(join(directory, first), "utf8")) as Figures;
  for (let day = 0; day < runs; day++) {
    const run = `${new Date(Date.UTC(2026, 0, 1 + day, 2)).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
    const text = JSON.stringify({ ...figures, run }, (key, value: unknown) =>
      typeof value === "number" && key === "entries" ? value - (day % 3) : value,
    );
    writeFileSync(join(directory, `${run}.json`), text);
  }
}

/** The figures that a store keeps, by run. */
export const keptRuns = (store: string): string[] =>
  readdirSync(join(store, "history"))
    .map((name) => name.replace(/\.json$/, ""))
    .toSorted();
