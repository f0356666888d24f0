/** What verify makes of runs that a real backup does not easily give. */
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test, vi } from "vitest";
import type * as Programs from "../../../../lib/database/postgres/restore/programs.ts";
import { verify, type Verification } from "../../../../lib/ops/verify/run.ts";
import { showVerification } from "../../../../lib/cli/core/check-report.ts";
import type { Scope } from "../../../../lib/model/run.ts";
import { writeSums } from "../../../../lib/store/run/checksums.ts";
import { makeRun, makeStore, type MadeUnit } from "../../../support/runs/stores.ts";
import { tempDirectory } from "../../../support/temp.ts";

const programs = vi.hoisted(() => ({ isMissing: false }));
vi.mock("../../../../lib/database/postgres/restore/programs.ts", async (real) => {
  const { newestRestore } = await real<typeof Programs>();
  return { newestRestore: () => (programs.isMissing ? undefined : newestRestore()) };
});

const RUN = "20260101T000000Z";
const { signal } = new AbortController();

const newStore = (): string => makeStore(path.join(tempDirectory(), "store"));
const unit = (id: number): MadeUnit => ({ directory: `source_exports/${id}`, project: { id, title: `Title ${id}` } });

async function look(store: string, quick = false): Promise<Verification> {
  return await verify({ store, run: RUN, quick }, { signal });
}

const problemsOf = ({ checks }: Verification): string[] =>
  checks.flatMap((check) => check.problems.map(({ path: file, message }) => `${check.id} ${file}: ${message}`));

/** Adds rows to the list of projects, as if the site had had them. */
async function addProjects(directory: string, ...ids: (number | string)[]): Promise<void> {
  const file = path.join(directory, "projects.json");
  const list = JSON.parse(readFileSync(file, "utf8")) as { projects: { id: number | string }[] };
  list.projects.push(...ids.map((id) => ({ id })));
  writeFileSync(file, JSON.stringify(list));
  await writeSums(directory, new Map(), signal);
}

describe("verify", () => {
  test("a run made by the store's own writers is sound", async () => {
    const store = newStore();
    await makeRun(store, RUN, [unit(1), unit(2), { directory: "db/site" }]);
    const verification = await look(store);
    expect(problemsOf(verification)).toEqual([]);
    expect(verification).toMatchObject({ run: RUN, ok: true, quick: false });
  });

  test("a row without unit or failure is found though every number agrees: the counts are by name", async () => {
    const store = newStore();
    const directory = await makeRun(store, RUN, [unit(1), unit(2)]);
    const file = path.join(directory, "projects.json");
    writeFileSync(file, readFileSync(file, "utf8").replace('"id": 2', '"id": 3'));
    await writeSums(directory, new Map(), signal);
    expect(problemsOf(await look(store))).toEqual([
      "project_counts source_exports/3: the project 3 (Title 2) has neither a unit nor a failure",
      "project_counts source_exports/2/metadata.json: belongs to a project that projects.json does not list",
    ]);
  });

  test("a run of a selection need not hold the projects that it left out", async () => {
    const cases: [Scope, number][] = [
      [{ only: ["1"] }, 0],
      [{ skip: ["7", "eight"] }, 0],
      [{ steps: ["source_exports"] }, 2],
    ];
    for (const [scope, missing] of cases) {
      const store = newStore();
      const directory = await makeRun(store, RUN, [unit(1)], { scope });
      await addProjects(directory, 7, "eight");
      expect(problemsOf(await look(store))).toHaveLength(missing);
    }
  });

  test("an orphan is counted apart from the projects", async () => {
    const store = newStore();
    await makeRun(store, RUN, [unit(1), { directory: "source_exports/~orphan-Left" }]);
    const verification = await look(store);
    expect(verification.ok).toBe(true);
    expect(verification.checks[0]?.figure).toBe("1 project; source 1 unit, 1 orphan");
  });

  test("what could not be tried is not proved: neither ✓ nor a failure", async () => {
    const store = newStore();
    const directory = await makeRun(store, RUN, [{ directory: "db/site" }]);
    // The unit's artifact takes the name of a PostgreSQL dump, wherever it is named.
    renameSync(path.join(directory, "db/site/content.txt"), path.join(directory, "db/site/site.dump"));
    for (const file of ["manifest.json", "db/index.json", "db/site/metadata.json"]) {
      const text = readFileSync(path.join(directory, file), "utf8");
      writeFileSync(path.join(directory, file), text.replaceAll("content.txt", "site.dump"));
    }
    await writeSums(directory, new Map(), signal);
    programs.isMissing = true;
    const verification = await look(store).finally(() => (programs.isMissing = false));
    expect(verification.ok).toBe(true);
    expect(verification.checks.find((check) => check.id === "database_dump")).toMatchObject({
      state: "not proved",
      ok: true,
      figure: expect.stringContaining("pg_restore is not installed"),
    });
    const line = showVerification(verification)
      .split("\n")
      .find((text) => text.includes("database dump"));
    expect(line).toMatch(/^\? database dump /);
    expect((await look(store)).checks.find((check) => check.id === "database_dump")).toMatchObject({ state: "failed" });
  });

  test("twenty problems of a check are shown, and how many more there are", async () => {
    const store = newStore();
    const directory = await makeRun(store, RUN, [unit(1)]);
    for (let number = 0; number < 25; number++) writeFileSync(path.join(directory, `extra-${number}`), "");
    const lines = showVerification(await look(store)).split("\n");
    expect(lines.filter((line) => line.startsWith("    extra-"))).toHaveLength(20);
    expect(lines).toContain("    … and 5 more");
  });

  test("a unit that records several artifacts of which one is missing", async () => {
    const store = newStore();
    const directory = await makeRun(store, RUN, [unit(1)]);
    const file = path.join(directory, "source_exports/1/metadata.json");
    const metadata = JSON.parse(readFileSync(file, "utf8")) as { artifacts: { path: string }[] };
    metadata.artifacts.push({ ...metadata.artifacts[0], path: "source_exports/1/lost.txt" });
    writeFileSync(file, JSON.stringify(metadata));
    await writeSums(directory, new Map(), signal);
    const problems = problemsOf(await look(store, true));
    expect(problems).toContain("sizes source_exports/1/lost.txt: is missing; source_exports/1/metadata.json names it");
    expect(problems).toContainEqual(expect.stringMatching(/^sizes source_exports\/1\/metadata\.json: its size_bytes/));
  });

  test("invalid metadata is named, and the rest is checked all the same", async () => {
    const store = newStore();
    const directory = await makeRun(store, RUN, [unit(1), unit(2)]);
    writeFileSync(path.join(directory, "source_exports/1/metadata.json"), '{"step": "source_exports"}');
    const problems = problemsOf(await look(store));
    expect(problems).toContainEqual(expect.stringMatching(/^documents source_exports\/1\/metadata\.json: is invalid/));
    expect(problems).toContain("checksums source_exports/1/metadata.json: is not what was recorded");
    expect(problems.filter((problem) => problem.includes("source_exports/2/content"))).toEqual([]);
  });

  test("is interrupted by its signal and leaves no pin", async () => {
    const store = newStore();
    await makeRun(store, RUN, [unit(1)]);
    const abort = new AbortController();
    const reason = new Error("enough");
    const verifying = verify(
      { store, run: RUN, quick: false },
      { signal: abort.signal, onCheck: () => abort.abort(reason) },
    );
    await expect(verifying).rejects.toBe(reason);
    expect(readdirSync(path.join(store, "pins"))).toEqual([]);
  });
});
