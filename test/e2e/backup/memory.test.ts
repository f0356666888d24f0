/** Memory does not grow with the site: the peak of every process of a run over a large file and many small ones. */
import { mkdirSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { faultsOf, procFile, processesWith, rest, startBackup, toResult } from "../../support/runs/backup.ts";
import { makeSite } from "../../support/sites/site.ts";
import { tempDirectory } from "../../support/temp.ts";

const LIMIT_MB = 200;

test("no process takes 200 MB for a file of 300 MB and 20,000 small ones, the first time nor the second", async () => {
  const site = makeSite(tempDirectory(), { projects: 50, files: 20 });
  site.write("images/large.bin", "not all of it is a hole");
  truncateSync(join(site.root, "images/large.bin"), 300 * 1024 * 1024);
  for (const tree of ["audio/tts_repository_orm/many", "lara_legacy/many"]) {
    for (let directory = 0; directory < 100; directory++) {
      const at = join(site.root, tree, `a directory with a name of some length ${directory}`);
      mkdirSync(at, { recursive: true });
      for (let file = 0; file < 100; file++)
        writeFileSync(join(at, `a file with a name of some length ${file}.txt`), `${file}\n`);
    }
  }
  await rest();
  for (const attempt of ["first", "second"]) {
    const { done } = startBackup(site);
    const peaks = new Map<string, number>();
    let running = true;
    const finished = done.finally(() => (running = false));
    while (running) {
      for (const pid of processesWith(site.dest)) {
        const peak = Number(/^VmHWM:\s*(\d+) kB/m.exec(procFile(pid, "status"))?.[1] ?? 0) / 1024;
        const name = /(backup_\w+)\.js/.exec(procFile(pid, "cmdline"))?.[1] ?? "another";
        peaks.set(name, Math.max(peaks.get(name) ?? 0, peak));
      }
      await sleep(50);
    }
    const result = toResult(await finished);
    expect(result.code).toBe(0);
    // In the second run nothing has changed: only the dump and infra have processes.
    expect(peaks.size).toBeGreaterThan(attempt === "first" ? 6 : 2);
    expect({ attempt, above: [...peaks].filter(([, peak]) => peak >= LIMIT_MB) }).toEqual({ attempt, above: [] });
    expect(faultsOf(result.summary?.path ?? "")).toEqual([]);
  }
  expect(readdirSync(join(site.dest, "runs"))).toHaveLength(2);
});
