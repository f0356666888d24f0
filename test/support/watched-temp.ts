/** Temporary files of the code under test: whatever a test does, nothing may be left of them. */
import { readdirSync } from "node:fs";
import { afterEach, beforeEach, expect } from "vitest";
import { makeTemp, removeTree } from "./temp.ts";

export interface WatchedTemp {
  /** The running test's. */
  readonly directory: string;
  /** What is closed before the directory is looked at. */
  readonly opened: { close(): Promise<void> }[];
  /** The names in the directory that are not the test's own. */
  left(): string[];
}

/** Gives each test a TMPDIR of its own; after it, only files whose names begin with `own` may be there. */
export function watchTemp(own: string): WatchedTemp {
  let directory = "";
  const opened: WatchedTemp["opened"] = [];
  const left = (): string[] => readdirSync(directory).filter((name) => !name.startsWith(own));
  beforeEach(() => {
    directory = makeTemp();
    process.env.TMPDIR = directory;
  });
  afterEach(async () => {
    delete process.env.TMPDIR;
    for (const one of opened.splice(0)) await one.close();
    const found = left();
    removeTree(directory);
    expect(found).toEqual([]);
  });
  return {
    get directory() {
      return directory;
    },
    opened,
    left,
  };
}
