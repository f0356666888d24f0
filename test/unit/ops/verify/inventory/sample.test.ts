/** Samples cover a run exactly once; what a verification found is kept. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { verify, type VerifyRequest } from "../../../../../lib/ops/verify/run.ts";
import { parseSample } from "../../../../../lib/ops/verify/inventory/sample.ts";
import { loadConfig } from "../../../../../lib/config/load.ts";
import { writeSums } from "../../../../../lib/store/run/checksums.ts";
import { makeRun, makeStore } from "../../../../support/runs/stores.ts";
import { tempDirectory } from "../../../../support/temp.ts";

const RUN = "20260101T000000Z";
const { signal } = new AbortController();

async function storeOf(projects: number): Promise<{ store: string; directory: string }> {
  const store = makeStore(path.join(tempDirectory(), "store"));
  const units = Array.from({ length: projects }, (_, id) => ({ directory: `source_exports/${id}`, project: { id } }));
  return { store, directory: await makeRun(store, RUN, units) };
}

const look = async (store: string, more: Partial<VerifyRequest> = {}) =>
  await verify({ store, run: RUN, quick: false, ...more }, { signal });

describe("--sample", () => {
  test.each(["0/5", "6/5", "one/5", "1", "1/0", "", "1/5/5", "-1/5", "1.5/5"])("refuses %j", (text) => {
    expect(() => parseSample(text)).toThrow(expect.objectContaining({ code: "E_USAGE" }));
  });

  test("t samples find the damage of every file, each of them once", async () => {
    const { store, directory } = await storeOf(12);
    for (let id = 0; id < 12; id++) writeFileSync(path.join(directory, `source_exports/${id}/content.txt`), "damaged");
    const found: string[] = [];
    const figures: number[] = [];
    for (const n of [1, 2, 3, 4]) {
      const { checks } = await look(store, { sample: { n, t: 4 } });
      const check = checks.find(({ id }) => id === "checksums");
      found.push(...(check?.problems ?? []).map(({ path: file }) => file));
      figures.push(Number.parseInt(check?.figure ?? "", 10));
    }
    expect(found.toSorted()).toEqual(
      Array.from({ length: 12 }, (_, id) => `source_exports/${id}/content.txt`).toSorted(),
    );
    const whole = (await look(store)).checks.find(({ id }) => id === "checksums");
    expect(figures.reduce((sum, number) => sum + number, 0)).toBe(Number.parseInt(whole?.figure ?? "", 10));
    expect(Math.max(...figures)).toBeLessThan(Number.parseInt(whole?.figure ?? "", 10));
  });

  test("a unit's metadata and artifact are in one sample, and the same one each time", async () => {
    const { store, directory } = await storeOf(5);
    writeFileSync(path.join(directory, "source_exports/3/content.txt"), "damaged");
    const damaged = async () =>
      await Promise.all(
        [1, 2, 3].map(
          async (n) => (await look(store, { sample: { n, t: 3 } })).checks.find((c) => c.id === "checksums")?.ok,
        ),
      );
    const first = await damaged();
    expect(first.filter((ok) => ok === false)).toHaveLength(1);
    expect(await damaged()).toEqual(first);
  });

  test("documents are checked in every sample", async () => {
    const { store, directory } = await storeOf(3);
    writeFileSync(path.join(directory, "source_exports/index.json"), "[]\n");
    for (const n of [1, 2, 3]) {
      const { checks } = await look(store, { sample: { n, t: 3 } });
      expect(checks.find(({ id }) => id === "indexes")?.ok).toBe(false);
    }
  });
});

describe("evidence", () => {
  test("each verification leaves a document of what it found", async () => {
    const { store, directory } = await storeOf(1);
    const good = await look(store, { sample: { n: 1, t: 1 } });
    writeFileSync(path.join(directory, "source_exports/0/content.txt"), "damaged");
    const bad = await look(store);
    expect(good.evidence).toMatch(/^evidence\/20260101T000000Z\/verify-\d{8}T\d{9}Z\.json$/);
    expect(bad.evidence).not.toBe(good.evidence);
    const [one, two] = [good, bad].map(
      ({ evidence }) => JSON.parse(readFileSync(path.join(store, evidence ?? ""), "utf8")) as Record<string, unknown>,
    );
    expect(one).toMatchObject({ format: "holdfast-verify", run: RUN, ok: true, sample: "1/1", checks: good.checks });
    expect(two).toMatchObject({ ok: false, sample: null, checks: bad.checks });
  });

  test("a store that cannot be written to: the evidence goes to the state directory, or to one that is named", async () => {
    const { store } = await storeOf(1);
    writeFileSync(path.join(store, "evidence"), "no directory"); // in the way, also of root
    const state = tempDirectory();
    vi.stubEnv("STATE_DIRECTORY", state);
    onTestFinished(() => void vi.unstubAllEnvs());
    const verification = await look(store);
    expect(verification).toMatchObject({
      ok: true,
      evidence: expect.stringMatching(`^${state}/evidence/${RUN}/verify-`),
    });
    expect(verification.notes).toEqual([expect.stringContaining(`it is in ${verification.evidence ?? "?"}`)]);
    expect(existsSync(verification.evidence ?? "")).toBe(true);
    const named = path.join(state, "named");
    expect(await look(store, { evidence: named })).toMatchObject({
      evidence: expect.stringMatching(`^${named}/${RUN}/verify-`),
      notes: [],
    });
    vi.stubEnv("STATE_DIRECTORY", path.join(store, "evidence/below a file"));
    const nowhere = await look(store);
    expect(nowhere).toMatchObject({ ok: true, evidence: null });
    expect(nowhere.notes).toEqual([expect.stringContaining("--evidence")]);
  });
});

describe("migrations", () => {
  const recorded = {
    database: "site",
    engine: "sqlite",
    server_version: "3",
    database_size: 1,
    tables: {},
    migrations: { tool: "django", applied: ["app.0001_initial", "app.0002_more"] },
    extensions: {},
    snapshot_at: "2026-01-01T00:00:00.000Z",
  };

  async function checkWith(wanted: readonly string[] | undefined) {
    const store = makeStore(path.join(tempDirectory(), "store"));
    const directory = await makeRun(store, RUN, [{ directory: "db/site" }]);
    const file = path.join(directory, "db/site/metadata.json");
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), ...recorded }));
    await writeSums(directory, new Map(), signal);
    const root = path.join(tempDirectory(), "site");
    mkdirSync(root);
    const script = path.join(root, "wanted");
    writeFileSync(script, `#!/bin/sh\nprintf '[X]  %s\\n' ${(wanted ?? []).join(" ")}\n`);
    chmodSync(script, 0o755);
    const config = path.join(root, "site.yaml");
    const command = wanted === undefined ? "" : `, migrations_wanted: ["${script}"]`;
    writeFileSync(config, `site: test\nroot: .\ndatabase: { name: site, url: "sqlite:///site.db"${command} }\n`);
    const { checks } = await look(store, { config: loadConfig(config, {}) });
    return checks.find(({ id }) => id === "migrations");
  }

  test("the same and older ones are fine, newer ones are a problem, and without a command nothing is proved", async () => {
    const same = ["app.0001_initial", "app.0002_more"];
    expect(await checkWith(same)).toMatchObject({ state: "ok", figure: "site: as the code expects" });
    expect(await checkWith([...same, "app.0003_next"])).toMatchObject({
      state: "ok",
      figure: "site: older than the code, 1 to run",
    });
    expect(await checkWith(["app.0001_initial"])).toMatchObject({
      state: "failed",
      problems: [{ message: "the code does not know app.0002_more" }],
    });
    expect(await checkWith(undefined)).toMatchObject({ state: "not proved", ok: true });
  });

  test("without a config no database is asked", async () => {
    const { store } = await storeOf(1);
    expect((await look(store)).checks.map(({ id }) => id)).not.toContain("migrations");
  });
});
