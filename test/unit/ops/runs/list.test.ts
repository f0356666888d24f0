import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { findRun } from "../../../../lib/ops/runs/find-run.ts";
import { listStore } from "../../../../lib/ops/runs/list.ts";
import { readLog, type LogLevel } from "../../../../lib/ops/runs/log.ts";
import { acquireLock } from "../../../../lib/store/lock/acquire.ts";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { manifestOf } from "../../../support/runs/backup.ts";
import { makeEvidence } from "../../../support/runs/evidence.ts";
import { makeRun, makeStore } from "../../../support/runs/stores.ts";
import { tempDirectory } from "../../../support/temp.ts";

const [FIRST, SECOND, THIRD] = ["20260101T000000Z", "20260102T000000Z", "20260103T000000Z"] as const;
const newStore = (): string => makeStore(path.join(tempDirectory(), "store"));

describe("list", () => {
  test("newest first, with the latest, the damaged and the interrupted told apart", async () => {
    const store = newStore();
    await makeRun(store, FIRST, [{ directory: "db/site" }], { name: "before the move", tags: ["keep", "monthly"] });
    const second = await makeRun(store, SECOND, [{ directory: "db/site" }], {
      scope: { steps: ["db"] },
      tags: ["keep"],
    });
    writeFileSync(path.join(second, "manifest.json"), "{");
    mkdirSync(path.join(store, "runs", `.incomplete-${THIRD}`));
    const { runs } = await listStore(store, []);
    expect(runs.map(({ run, status, latest }) => [run, status, latest])).toEqual([
      [THIRD, "interrupted", false],
      [SECOND, "damaged", false],
      [FIRST, "complete", true],
    ]);
    expect((await listStore(store, ["keep", "monthly"])).runs.map(({ run }) => run)).toEqual([FIRST]);
    const lock = await acquireLock(path.join(store, ".lock"), {
      command: "backup_all",
      signal: new AbortController().signal,
      tmp: path.join(store, ".tmp"),
      onCompromised: () => {},
    });
    expect((await listStore(store, [])).runs[0]).toMatchObject({ run: THIRD, status: "running" });
    await lock.release();
  });

  test("as a table, as JSON, and of an empty store", async () => {
    const store = newStore();
    expect(await runInProcess("list", ["--dest", store])).toMatchObject({ code: 0, stdout: `no runs in ${store}\n` });
    await makeRun(store, FIRST, [{ directory: "db/site" }], { name: "first", tags: ["a", "b"] });
    await makeRun(store, SECOND, [{ directory: "db/site" }], { scope: { only: ["12"] } });
    const { stdout } = await runInProcess("list", ["--dest", store]);
    const [head, second, first] = stdout.split("\n");
    expect(head).toMatch(/^run +status +scope +name +tags +units +failed +size +written +proved$/);
    expect(second).toMatch(/^20260102T000000Z +complete +only 12 +1 +0 +\d+ B +\d+ B$/);
    expect(first).toMatch(/^20260101T000000Z +complete +full +first +a,b +1 +0 +\d+ B +\d+ B {2}latest$/);
    const { json } = await runInProcess("list", ["--dest", store, "--json", "--tag", "a"]);
    expect(json).toMatchObject([
      { message_type: "summary", site: "test", runs: [{ run: FIRST, latest: true, tags: ["a", "b"], units: 1 }] },
    ]);
  });

  test("the proof coverage of each run: bytes of artifacts that evidence of the last 35 days lists", async () => {
    const store = newStore();
    const shared = { directory: "source_exports/1", content: "12345678" };
    await makeRun(store, FIRST, [shared, { directory: "db/site", content: "ab" }]);
    await makeRun(store, SECOND, [
      { ...shared, linkedFrom: FIRST },
      { directory: "db/site", content: "cd" },
    ]);
    const coverage = async (): Promise<(number | null)[]> =>
      (await listStore(store, [])).runs.map(({ proof_coverage }) => proof_coverage);
    expect(await coverage()).toEqual([0, 0]);
    const { artifacts } = manifestOf(path.join(store, "runs", FIRST)).steps["source_exports"]?.metadata[0] ?? {};
    makeEvidence(store, FIRST, { at: new Date(Date.now() - 36 * 24 * 3_600_000), document: { artifacts } });
    expect(await coverage()).toEqual([0, 0]);
    const file = makeEvidence(store, FIRST, { document: { artifacts } });
    expect(await coverage()).toEqual([0.8, 0.8]);
    expect((await runInProcess("list", ["--dest", store])).stdout).toMatch(/ B +80 %/);
    writeFileSync(file, "{");
    expect(await coverage()).toEqual([0, 0]);
  });

  test("the store may come from the config, of which nothing else is needed", async () => {
    const store = newStore();
    await makeRun(store, FIRST, [{ directory: "db/site" }]);
    const config = path.join(path.dirname(store), "site.yaml");
    writeFileSync(config, `site: test\nroot: /nowhere\ndest: ${path.basename(store)}\n`);
    expect(await runInProcess("list", ["--config", config])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(FIRST),
    });
    writeFileSync(config, "site: test\nroot: /nowhere\n");
    expect(await runInProcess("verify", ["--config", config])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("neither --dest nor dest"),
    });
  });

  test("a store that is not there is exit 10, and nothing is made of it", async () => {
    const directory = tempDirectory();
    expect(await runInProcess("list", ["--dest", path.join(directory, "none")])).toMatchObject({
      code: 10,
      stdout: "",
    });
    expect(await runInProcess("list", ["--dest", directory])).toMatchObject({ code: 10, stdout: "" });
  });
});

describe("the run that is meant", () => {
  test("latest is what the link says; without a link, the newest full backup", async () => {
    const store = newStore();
    expect(() => findRun(store, "latest")).toThrow(/holds no full backup/);
    await makeRun(store, FIRST, [{ directory: "db/site" }]);
    await makeRun(store, SECOND, [{ directory: "db/site" }], { kind: "safety" });
    expect(findRun(store, "latest")).toBe(FIRST);
    rmSync(path.join(store, "latest"));
    expect(findRun(store, "latest")).toBe(FIRST);
    symlinkSync(`runs/${THIRD}`, path.join(store, "latest"));
    expect(() => findRun(store, "latest")).toThrow(`latest names the run ${THIRD}, which does not exist`);
  });

  test("an interrupted run is not listed as a run, and the hint says what to do with it", async () => {
    const store = newStore();
    mkdirSync(path.join(store, "runs", `.incomplete-${FIRST}`));
    expect(() => findRun(store, FIRST)).toThrow(/was interrupted and never published/);
  });
});

describe("logs", () => {
  const at = "2026-01-01T02:03:04.000Z";
  const lines = [
    { level: "info", time: at, type: "step_started", step: "db", msg: "step started" },
    { level: "warn", time: at, type: "note", msg: "the clock is behind" },
    {
      level: "error",
      time: at,
      type: "failure",
      step: "source_exports",
      unit: "7",
      severity: "failed",
      code: "E_MISSING",
      message: "gone",
      hint: "look",
      last_good_run: null,
      at,
      msg: "gone",
    },
  ];

  async function logged(): Promise<string> {
    const store = newStore();
    const run = await makeRun(store, FIRST, [{ directory: "db/site" }]);
    writeFileSync(
      path.join(run, "run.log"),
      `${lines.map((line) => JSON.stringify(line)).join("\n")}\n{"level":"info","ti`,
    );
    return store;
  }

  const read = async (store: string, level: LogLevel): Promise<string[]> => {
    const found: string[] = [];
    for await (const { line } of readLog(store, FIRST, level)) found.push(line.type);
    return found;
  };

  test("from a level on; half a line at the end of a killed run is left out", async () => {
    const store = await logged();
    expect(await read(store, "info")).toEqual(["step_started", "note", "failure"]);
    expect(await read(store, "warn")).toEqual(["note", "failure"]);
    expect(await read(store, "error")).toEqual(["failure"]);
  });

  test("of a run that is not published yet", async () => {
    const store = await logged();
    renameSync(path.join(store, "runs", FIRST), path.join(store, "runs", `.incomplete-${FIRST}`));
    expect(await read(store, "info")).toHaveLength(3);
  });

  test("in words, or as it is with --json", async () => {
    const store = await logged();
    const { stdout, code } = await runInProcess("logs", ["latest", "--dest", store]);
    expect(code).toBe(0);
    expect(stdout.split("\n")).toEqual([
      "2026-01-01 02:03:04Z  info   db started",
      "2026-01-01 02:03:04Z  warn   the clock is behind",
      "2026-01-01 02:03:04Z  error  source_exports/7: gone [E_MISSING]",
      "",
    ]);
    const { json } = await runInProcess("logs", [FIRST, "--dest", store, "--json", "--level", "error"]);
    expect(json).toEqual([lines[2]]);
    expect(await runInProcess("logs", [SECOND, "--dest", store])).toMatchObject({ code: 1 });
    expect(await runInProcess("logs", [FIRST, "more", "--dest", store])).toMatchObject({ code: 2 });
  });
});
