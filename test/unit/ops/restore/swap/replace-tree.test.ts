import { mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Replace } from "../../../../../lib/ops/journals/operations.ts";
import { replace, undoReplace } from "../../../../../lib/ops/restore/swap/replace-tree.ts";
import { tempDirectory } from "../../../../support/temp.ts";

// A millisecond is too coarse: 0.9996 s, rounded, is the next second.
test.each([0, 0.9996, 0.999_999])(
  "the directory that holds a place keeps its time: %d s past the full second",
  async (part) => {
    const site = tempDirectory();
    for (const name of ["live", "fresh"]) {
      mkdirSync(join(site, name));
      writeFileSync(join(site, name, "which"), name);
    }
    utimesSync(site, 1_600_000_000 + part, 1_600_000_000 + part);
    const { mtimeNs } = statSync(site, { bigint: true });
    const operation: Replace = {
      kind: "replace",
      live: join(site, "live"),
      fresh: join(site, "fresh"),
      aside: join(site, "aside"),
      carry: [],
    };
    const there = (): [string, number, bigint] => {
      const time = statSync(site, { bigint: true }).mtimeNs;
      const drift = Math.abs(Number(time - mtimeNs));
      return [readFileSync(join(site, "live/which"), "utf8"), drift < 10_000 ? 0 : drift, time / 1_000_000_000n];
    };
    await replace(operation);
    expect(there()).toEqual(["fresh", 0, 1_600_000_000n]);
    await undoReplace(operation);
    expect(there()).toEqual(["live", 0, 1_600_000_000n]);
  },
);
