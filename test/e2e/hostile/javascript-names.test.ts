/** Names that mean something to JavaScript: they are names of tables, columns, files, trees and projects like any others. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runInProcess } from "../../support/commands/in-process.ts";
import { tempDirectory } from "../../support/temp.ts";

const NAMES = ["__proto__", "constructor", "toString", "hasOwnProperty"];

test("are backed up, proved deeply and live, and restored", async () => {
  const base = tempDirectory();
  const site = join(base, "site");
  const write = (...path: string[]): void => {
    const file = join(site, ...path);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, `${file}\n`);
  };
  for (const name of NAMES) for (const place of ["legacy", "projects", "tree"]) write(place, name, name);
  const rows = NAMES.map(
    (name) => `create table "${name}" ("${name}" integer primary key, t text); insert into "${name}" values (1, 'a');`,
  );
  execFileSync("sqlite3", [join(site, "data.db"), rows.join("\n")]);
  const config = join(base, "site.yaml");
  const trees = NAMES.map((name) => `{ name: ${name}, path: tree/${name} }`);
  writeFileSync(
    config,
    `site: s\nroot: ${site}\ndest: ${base}/store\ndatabase: { url: "sqlite:///data.db" }\nlegacy: { path: legacy }\nprojects: { glob: "projects/*", source: { path: "projects/{id}" } }\ntrees: [${trees.join(", ")}]\n`,
  );
  const run = async (script: string, ...args: string[]): Promise<void> => {
    const { code, stdout, stderr } = await runInProcess(script, ["--config", config, ...args], {
      env: { XDG_STATE_HOME: join(base, "state") },
    });
    expect(`${code} ${stderr} ${code === 0 ? "" : stdout}`).toMatch(/^0 /);
  };
  await run("backup_all");
  await run("verify", "--deep", "--live");
  await run("restore", "--to", join(base, "restored"));
  await run("drill");
  for (const name of NAMES) {
    for (const place of ["legacy", "projects", "tree"])
      expect(readFileSync(join(base, "restored", place, name, name), "utf8")).toBe(
        `${site}/${place}/${name}/${name}\n`,
      );
    const answer = execFileSync("sqlite3", [join(base, "restored/data.db"), `select t from "${name}"`], {
      encoding: "utf8",
    });
    expect(answer).toBe("a\n");
  }
});
