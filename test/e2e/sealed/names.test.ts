/** `encryption.metadata: names`: no document of a run names a file or a person, and the run comes back all the same. */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { compareTrees } from "../../support/compare.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { backup, backUp, manifestOf, metadataOf, rest, type Summary } from "../../support/runs/backup.ts";
import { followGuide } from "../../support/runs/guide.ts";
import { ageIdentity, type Identity } from "../../support/sealed/identities.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { suiteDirectory, tempDirectory } from "../../support/temp.ts";

/** A part of every name that the store may not tell. */
const NAME = "Grandmother";
const PICTURE = `clara_content/Project_1/${NAME} in Brest.png`;

const encryption = ({ recipient }: Identity, metadata = "names"): Record<string, string> => ({
  encryption: `encryption: { recipients: ["${recipient}"], metadata: ${metadata} }`,
  references: `references: [{ name: sounds, query: "select username || '.mp3' as path from auth_user", root: audio/tts_repository_orm/google/french/voice_0 }]`,
});

/** Makes a site with the name in a title, an owner, paths of projects, files of each kind of tree and of the database. */
function namedSite(directory: string, config: Record<string, string>): TestSite {
  const site = makeSite(directory, { config });
  site.write(PICTURE, "a picture ".repeat(50));
  site.write(`lara_legacy/Old_book/${NAME}.html`, "<p>Old</p>\n");
  site.write(`audio/tts_repository_orm/google/french/voice_0/${NAME}.mp3`, "a sound ".repeat(50));
  site.write(`clara_compiled/2/${NAME}.html`, `<img src="/media/${NAME} is missing.png">\n`);
  site.write(`clara_content/${NAME}_4/text.txt`, "a text\n");
  site.write(`templates/${NAME}.html`, "<p>Template</p>\n");
  site.sql(`insert into clara_app_claraproject values (4, '${NAME}_4', '${NAME} 4', 'fr', 'en', 1)`);
  site.sql(`update auth_user set username = '${NAME}'`);
  return site;
}

const filesThatTell = (directory: string): string[] => {
  const grep = ["-c", `grep -rlaF -e ${NAME} . | sort; find . -name '*${NAME}*'`];
  return execFileSync("bash", grep, { cwd: directory, encoding: "utf8" })
    .split("\n")
    .filter((file) => file !== "");
};

const IGNORED = (path: string): boolean => /^\.holdfast|\.(?:sqlite3|db)$|^app/.test(path);

describe("a run with sealed names", () => {
  const directory = suiteDirectory("holdfast-names-");
  const env = { XDG_STATE_HOME: join(directory, "state"), STATE_DIRECTORY: undefined };
  let operator: Identity;
  let site: TestSite;
  let run: Summary;

  beforeAll(async () => {
    operator = ageIdentity(directory, "operator");
    site = namedSite(directory, encryption(operator));
    await rest();
    run = await backUp(site, [], { env });
  });

  const withIdentity = (...args: readonly string[]): string[] => [
    ...args,
    ...["--dest", site.dest, "--run", run.run, "--identity", operator.file],
  ];

  test("no file of the store tells a name; a run with plain metadata shows where they would be", async () => {
    expect(filesThatTell(site.dest)).toEqual([]);
    const plain = namedSite(join(directory, "plain"), encryption(operator, "plain"));
    const { path } = await backUp(plain, [], { env });
    expect(filesThatTell(path).map((file) => file.split("/").at(-1))).toEqual(
      expect.arrayContaining([
        "RESTORE.md",
        "manifest.json",
        "metadata.json",
        "places.json",
        "projects.json",
        "references_sounds.list",
        "tts_audio_part_0001.files.jsonl",
      ]),
    );
    const text = readFileSync(plain.config, "utf8");
    writeFileSync(plain.config, text.replace("metadata: plain", "metadata: names"));
    const sealed = await backup(plain, [], { env });
    expect(sealed.notes).toMatch(/has readable names: \d+ units with .* are built again/);
    expect(sealed.summary?.units_reused).toBe(0);
    expect(filesThatTell(sealed.summary?.path ?? "")).toEqual([]);
  });

  test("counts, sizes and digests stay readable, and so do the ids of projects", () => {
    const { project, input, artifacts } = metadataOf(run.path, "source_exports/1");
    expect(project).toEqual({ id: 1 });
    expect(input.files).toBe(4);
    expect(artifacts[0]?.plain?.size_bytes).toBeGreaterThan(0);
    const { projects } = JSON.parse(readFileSync(join(run.path, "projects.json"), "utf8")) as { projects: unknown[] };
    expect(projects).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }, { id: 4 }]);
    const tables = metadataOf(run.path, "db/db.sqlite3")["tables"] as Record<string, { rows: number }>;
    expect(tables["clara_app_claraproject"]?.rows).toBe(4);
  });

  test("age and tar open the names", () => {
    const tar = execFileSync("age", ["-d", "-i", operator.file, join(run.path, "sealed.age")]);
    const list = execFileSync("tar", ["-tz"], { input: tar, encoding: "utf8" }).split("\n");
    expect(list).toEqual(expect.arrayContaining(["projects.json", "source_exports/1/metadata.json"]));
    const projects = execFileSync("tar", ["-xzO", "projects.json"], { input: tar, encoding: "utf8" });
    expect(projects).toContain(`${NAME} 4`);
    expect(manifestOf(run.path)).toMatchObject({
      sealed_names: { path: "sealed.age", files: list.filter((file) => file !== "").length },
    });
  });

  test("what has not changed is linked without an identity; what is new goes into a shard of its own", async () => {
    await rest();
    site.write(`audio/tts_repository_orm/google/french/voice_0/${NAME} again.mp3`, "another sound");
    site.sql(`update clara_app_claraproject set title = '${NAME} the third' where id = 3`);
    await rest();
    const second = await backUp(site, [], { env });
    const work = (step: string): unknown => second.steps[step];
    expect(work("source_exports")).toMatchObject({ units: 4, reused: 4 });
    expect(work("compiled_exports")).toMatchObject({ reused: second.steps["compiled_exports"]?.units });
    const shards = readdirSync(join(second.path, "audio_cache/archives")).filter((file) => file.endsWith(".tgz.age"));
    expect(shards).toEqual(["tts_audio_part_0001.tgz.age", "tts_audio_part_0002.tgz.age"]);
    const first = "audio_cache/archives/tts_audio_part_0001.tgz.age";
    expect(statSync(join(second.path, first)).ino).toBe(statSync(join(run.path, first)).ino);
    expect(filesThatTell(join(site.dest, "runs"))).toEqual([]);
    const names = execFileSync("age", ["-d", "-i", operator.file, join(second.path, "sealed.age")]);
    const one = ["-xzO", "source_exports/3/metadata.json"];
    expect(execFileSync("tar", one, { input: names, encoding: "utf8" })).toContain(`${NAME} the third`);
    const to = join(directory, "second");
    const args = ["--dest", site.dest, "--run", second.run, "--identity", operator.file, "--to", to];
    const restored = await runInProcess("restore", args);
    expect(restored.code, restored.stderr).toBe(0);
    expect(compareTrees(site.root, to, { ignore: IGNORED })).toEqual([]);
  });

  test("verify proves the ciphertext without an identity, and everything with one", async () => {
    const keyless = await runInProcess("verify", ["--dest", site.dest, "--run", run.run, "--json"]);
    expect(keyless.code, keyless.stderr).toBe(0);
    const whole = await runInProcess("verify", withIdentity("--json"));
    expect(whole.code, whole.stderr).toBe(0);
    const { checks } = whole.json.at(-1) as { checks: { id: string; state: string }[] };
    const states = new Map(checks.map(({ id, state }) => [id, state]));
    for (const id of ["archives_source_exports", "archives_audio_cache", "references", "project_counts"])
      expect([id, states.get(id)]).toEqual([id, "ok"]);
  });

  test("a drill proves the run, find finds a file by its name, and one file comes back", async () => {
    const drilled = await runInProcess("drill", withIdentity("--no-search", "--json"));
    expect(drilled.code, drilled.stderr).toBe(0);
    const found = await runInProcess("find", withIdentity(`${NAME}*`));
    expect(found.stdout).toContain(PICTURE);
    expect(found.stdout).toContain(`voice_0/${NAME}.mp3`);
    const to = join(directory, "one");
    const restored = await runInProcess("restore", withIdentity("--path", PICTURE, "--to", to));
    expect(restored.code, restored.stderr).toBe(0);
    expect(readFileSync(join(to, PICTURE))).toEqual(readFileSync(join(site.root, PICTURE)));
  });

  test("the commands of RESTORE.md open the names and restore the site with age alone", () => {
    const to = join(directory, "by-hand");
    followGuide(run.path, to, join(directory, "outside"), operator.file);
    expect(
      compareTrees(join(site.root, "clara_content"), join(to, "clara_content"), { without: ["owner", "mtime"] }),
    ).toEqual([]);
    expect(existsSync(join(to, `audio/tts_repository_orm/google/french/voice_0/${NAME}.mp3`))).toBe(true);
  });

  test.each(["restore", "find"])("%s without an identity ends with 12", async (command) => {
    const args = { restore: ["--to", join(tempDirectory(), "to")], find: [NAME] }[command] ?? [];
    expect((await runInProcess(command, [...args, "--dest", site.dest])).code).toBe(12);
  });

  test("names of another run are refused", async () => {
    const copy = join(tempDirectory(), "copy");
    execFileSync("cp", ["-a", site.dest, copy]);
    const later = readdirSync(join(copy, "runs")).find((one) => one !== run.run) ?? "";
    const to = join(copy, "runs", later, "sealed.age");
    rmSync(to);
    copyFileSync(join(copy, "runs", run.run, "sealed.age"), to);
    const sums = join(copy, "runs", later, "SHA256SUMS");
    const { 0: digest } = execFileSync("sha256sum", [to], { encoding: "utf8" }).split(" ");
    const text = readFileSync(sums, "utf8").replace(/^[0-9a-f]{64}(?= {2}sealed\.age$)/m, digest ?? "");
    rmSync(sums);
    writeFileSync(sums, text);
    const args = ["--dest", copy, "--run", later, "--identity", operator.file, "--to", join(copy, "to")];
    const restored = await runInProcess("restore", args);
    expect(restored.code, restored.stderr).toBe(13);
    expect(restored.stderr).toMatch(/sealed names of .* do not fit/);
  });

  test("a host that cannot keep the names says so before anything is read", async () => {
    const file = join(tempDirectory(), "file");
    writeFileSync(file, "");
    const result = await backup(site, [], { env: { ...env, XDG_STATE_HOME: file } });
    expect(result.code).toBe(1);
    expect(result.error).toMatchObject({
      error_code: "E_SEAL",
      message: expect.stringContaining("cannot be kept in") as string,
      hint: expect.stringContaining("chown -R USER") as string,
    });
  });

  test("only its user may read what the host keeps, and it keeps the runs that it compares with", () => {
    const names = join(directory, "state/holdfast/names");
    const kept = readdirSync(names).flatMap((id) => readdirSync(join(names, id)).map((one) => join(names, id, one)));
    const runs = readdirSync(join(site.dest, "runs"));
    for (const one of runs) expect(kept.map((directory) => basename(directory))).toContain(one);
    for (const one of kept) expect(statSync(one).mode & 0o777).toBe(0o700);
  });

  test("a host that lost the names says what it builds again, and does so", async () => {
    const lost = { ...env, XDG_STATE_HOME: join(directory, "new-state") };
    const result = await backup(site, [], { env: lost });
    expect(result.notes).toMatch(/has sealed names that .* does not have: \d+ units with .* are built again/);
    expect(result.summary?.units_reused).toBe(0);
    expect(filesThatTell(join(site.dest, "runs"))).toEqual([]);
  });
});
