/** A drill and a deep verification of a real run, as retention and `list` see them. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { runInProcess } from "../../support/commands/in-process.ts";
import type { DrillEvidence, DrillOutcome } from "../../../lib/ops/drill/run.ts";
import { backUp, manifestOf, readJson, rest } from "../../support/runs/backup.ts";
import { makeSite } from "../../support/sites/site.ts";
import { tempDirectory } from "../../support/temp.ts";

interface Listed {
  readonly runs: readonly { readonly run: string; readonly proof_coverage: number; readonly proof: unknown }[];
}

test.each(["drill", "verify"])("%s proves the run, and names every artifact that came back", async (command) => {
  const site = makeSite(tempDirectory(), { projects: 2 });
  const { run } = await backUp(site);
  const at = ["--config", site.config, "--dest", site.dest];
  const shown = async (name: string, ...args: string[]): Promise<Listed["runs"][number] | undefined> =>
    ((await runInProcess(name, [...at, "--json", ...args])).json[0] as Listed).runs.find((one) => one.run === run);
  expect(await shown("list")).toMatchObject({ proof_coverage: 0 });
  expect(await shown("prune", "--dry-run")).toMatchObject({ proof: null });

  expect((await runInProcess(command, [...at, ...(command === "verify" ? ["--deep"] : [])])).code).toBe(0);
  const directory = path.join(site.dest, "evidence", run);
  const [file = ""] = readdirSync(directory);
  const { artifacts } = readJson<{ artifacts: readonly { path: string; sha256: string }[] }>(
    path.join(directory, file),
  );
  const recorded = Object.values(manifestOf(path.join(site.dest, "runs", run)).steps)
    .flatMap(({ metadata }) => metadata.flatMap((unit) => unit.artifacts))
    .map(({ path: artifact, sha256 }) => `${artifact} ${sha256}`);
  expect(artifacts.map((one) => `${one.path} ${one.sha256}`).toSorted()).toEqual(recorded.toSorted());

  expect(await shown("list")).toMatchObject({ proof_coverage: 1 });
  expect(await shown("prune", "--dry-run")).toMatchObject({ proof: { kind: command } });
  expect((await runInProcess("list", at)).stdout).toContain(" 100 %");
});

test("drill --changed restores what no drill has proved, and proves the run", async () => {
  const site = makeSite(tempDirectory(), { projects: 3 });
  const at = ["--config", site.config, "--dest", site.dest];
  const drilled = async (...args: string[]): Promise<DrillEvidence> => {
    const { code, json, stderr } = await runInProcess("drill", [...at, "--json", ...args]);
    expect(code, stderr).toBe(0);
    const [evidence] = (json.at(-1) as DrillOutcome).drills;
    if (evidence === undefined) throw new Error("no drill");
    return evidence;
  };
  const labels = ({ trees }: DrillEvidence): string[] => trees.map(({ label }) => label);
  const first = await backUp(site);
  const whole = await drilled();
  expect(await drilled("--changed")).toMatchObject({ ok: true, trees: [], proved_since: whole.finished_at });

  site.write("clara_content/Project_2/texts/new.txt", "new");
  site.write("audio/tts_repository_orm/google/french/voice_1/new.mp3", "a new layer");
  await rest();
  const second = await backUp(site);
  expect(second.run).not.toBe(first.run);
  const changes = await drilled("--changed");
  expect(labels(changes)).toEqual(["source_exports/2", "audio_cache/archives"]);
  expect(changes.artifacts.map((one) => one.path)).toContain(`db/${path.basename(databaseDump(second.path))}`);
  expect(changes.checks.find(({ id }) => id === "unchanged")?.figure).toMatch(/^\d+ units left out, .*, proved since /);
  const { json } = await runInProcess("prune", [...at, "--dry-run", "--json"]);
  const pruned = (json[0] as Listed).runs.find(({ run }) => run === second.run);
  expect(pruned).toMatchObject({ proof: { kind: "drill" } });
  const listed = (await runInProcess("list", [...at, "--json"])).json[0] as Listed;
  expect(listed.runs.find(({ run }) => run === second.run)).toMatchObject({ proof_coverage: 1 });
});

const databaseDump = (run: string): string => manifestOf(run).steps["db"]?.index[0]?.path ?? "";
