/** A drill and a deep verification of a real run, as retention and `list` see them. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { runInProcess } from "../../support/commands/in-process.ts";
import { backUp, manifestOf, readJson } from "../../support/runs/backup.ts";
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
