/** Sealed runs: what the host can do without an identity, and what opens with one, by our commands and by age alone. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { compareTrees } from "../../support/compare.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { filesOf } from "../../support/files.ts";
import {
  backup,
  backUp,
  backupByScripts,
  manifestOf,
  metadataOf,
  rest,
  type Summary,
} from "../../support/runs/backup.ts";
import { followGuide } from "../../support/runs/guide.ts";
import { ageIdentity, gpgIdentity, sshIdentity, type Identity } from "../../support/sealed/identities.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { suiteDirectory, tempDirectory } from "../../support/temp.ts";

/** Content that a plain archive holds as it is: what is named a picture is not deflated. */
const MARK = "a picture that only its owner may see";

const encryption = (...recipients: readonly string[]): Record<string, string> => ({
  encryption: `encryption: { recipients: ${JSON.stringify(recipients)} }`,
});

function markedSite(directory: string, config: Record<string, string>): TestSite {
  const site = makeSite(directory, { config });
  site.write("clara_content/Project_1/picture.png", MARK.repeat(100));
  site.write("lara_legacy/Old_book/picture.png", MARK.repeat(100));
  site.write("audio/tts_repository_orm/google/french/voice_0/marked.mp3", MARK.repeat(100));
  site.sql(`update clara_app_claraproject set title = '${MARK}' where id = 1`);
  execFileSync("setfattr", ["-n", "user.note", "-v", MARK, join(site.root, "clara_content/Project_1/picture.png")]);
  return site;
}

/** Files of a directory that hold the mark: documents that tell titles of projects do, and no other may. */
const filesWithMark = (directory: string): string[] =>
  filesOf(directory).filter(
    (file) => statSync(join(directory, file)).isFile() && readFileSync(join(directory, file)).includes(MARK),
  );

const TELL_TITLES = /(?:^|\/)(?:projects|metadata|manifest)\.json$/;

describe("a run that is sealed to two recipients", () => {
  const directory = suiteDirectory("holdfast-sealed-");
  let site: TestSite;
  let run: Summary;
  let operator: Identity;
  let recovery: Identity;

  beforeAll(async () => {
    operator = ageIdentity(directory, "operator");
    recovery = ageIdentity(directory, "recovery");
    site = markedSite(directory, encryption(operator.recipient, recovery.recipient));
    await rest();
    run = await backUp(site);
  });

  test("no content is in the store but titles in documents; a plain run shows it", async () => {
    expect(filesWithMark(site.dest).filter((file) => !TELL_TITLES.test(file))).toEqual([]);
    const plain = markedSite(join(directory, "plain"), {});
    await backUp(plain);
    const shown = filesWithMark(plain.dest).filter((file) => !TELL_TITLES.test(file));
    expect(shown.map((file) => file.split("/").at(-1))).toEqual(expect.arrayContaining(["source.zip", "legacy.zip"]));
  });

  test("age opens every artifact to what the metadata record, with either identity", () => {
    const artifacts = Object.keys(manifestOf(run.path).steps).flatMap((step) =>
      (manifestOf(run.path).steps[step]?.metadata ?? []).flatMap((unit) => unit.artifacts),
    );
    expect(artifacts.length).toBeGreaterThan(8);
    for (const [index, { path, plain, sha256 }] of artifacts.entries()) {
      const file = join(run.path, path);
      const identity = index % 2 === 0 ? operator : recovery;
      expect(path).toMatch(/\.age$/);
      expect(execFileSync("sha256sum", [file], { encoding: "utf8" }).slice(0, 64)).toBe(sha256);
      const content = execFileSync("age", ["-d", "-i", identity.file, file], { maxBuffer: 1 << 28 });
      expect(execFileSync("sha256sum", { input: content, encoding: "utf8" }).slice(0, 64)).toBe(plain?.sha256);
      expect(content.length).toBe(plain?.size_bytes);
    }
    execFileSync("sha256sum", ["--quiet", "-c", "SHA256SUMS"], { cwd: run.path });
  });

  test("what has not changed is linked, without an identity", async () => {
    await rest();
    const second = await backUp(site);
    const steps = Object.entries(second.steps).filter(([step]) => step !== "db");
    for (const [, { units, reused }] of steps.filter(([step]) => step !== "infra")) expect(reused).toBe(units);
    const unit = "source_exports/1/source.zip.age";
    expect(statSync(join(second.path, unit)).ino).toBe(statSync(join(run.path, unit)).ino);
    for (const { path } of metadataOf(second.path, "infra").artifacts)
      expect(statSync(join(second.path, path)).ino).toBe(statSync(join(run.path, path)).ino);
  });

  test("verify reads the ciphertext without an identity, and everything with one", async () => {
    const keyless = await runInProcess("verify", ["--dest", site.dest, "--run", run.run, "--json"]);
    expect(keyless.code).toBe(0);
    expect(stateOf(keyless.json, "checksums")).toBe("ok");
    expect(stateOf(keyless.json, "archives_source_exports")).toBe("not proved");
    const identity = ["--identity", recovery.file];
    const whole = await runInProcess("verify", ["--dest", site.dest, "--run", run.run, "--json", ...identity]);
    expect(whole.code).toBe(0);
    expect(stateOf(whole.json, "archives_source_exports")).toBe("ok");
    expect(stateOf(whole.json, "database_dump")).toBe("ok");
  });

  test.each(["verify", "restore", "drill", "find"])("%s with another identity ends with 12", async (command) => {
    const wrong = ageIdentity(tempDirectory(), "wrong");
    const args = {
      verify: [],
      restore: ["--to", join(tempDirectory(), "to")],
      drill: ["--no-search"],
      find: ["picture.png"],
    }[command];
    const result = await runInProcess(command, [...(args ?? []), "--dest", site.dest, "--identity", wrong.file]);
    expect(result.code).toBe(12);
    expect(result.stderr).toMatch(/does not open/);
    expect(result.stderr).toMatch(/hint: .*--identity/);
  });

  test.each(["restore", "drill", "find"])("%s without an identity ends with 12", async (command) => {
    const args = { restore: ["--to", join(tempDirectory(), "to")], drill: ["--no-search"], find: ["picture.png"] }[
      command
    ];
    const result = await runInProcess(command, [...(args ?? []), "--dest", site.dest]);
    expect(result.code).toBe(12);
  });

  test("restore brings the site back, and find finds a file", async () => {
    const to = join(directory, "restored");
    const args = ["--dest", site.dest, "--run", run.run, "--identity", operator.file];
    const restored = await runInProcess("restore", [...args, "--to", to]);
    expect(restored.code).toBe(0);
    const ignore = (path: string): boolean => /^\.holdfast|\.(?:sqlite3|db)$|^app/.test(path);
    expect(compareTrees(site.root, to, { ignore })).toEqual([]);
    const one = join(directory, "one");
    const file = ["--path", "clara_content/Project_1/picture.png"];
    expect((await runInProcess("restore", [...args, ...file, "--to", one])).code).toBe(0);
    expect(readFileSync(join(one, "clara_content/Project_1/picture.png"), "utf8")).toContain(MARK);
    const found = await runInProcess("find", ["picture.png", ...args]);
    expect(found.code).toBe(0);
    expect(found.stdout).toContain("clara_content/Project_1/picture.png");
  });

  test("a drill proves the stored artifacts", async () => {
    const args = ["--dest", site.dest, "--run", run.run, "--identity", operator.file, "--json", "--no-search"];
    const drilled = await runInProcess("drill", args);
    expect(drilled.code).toBe(0);
    const evidence = filesOf(join(site.dest, "evidence", run.run)).find((file) => file.startsWith("drill-")) ?? "";
    const { artifacts } = JSON.parse(readFileSync(join(site.dest, "evidence", run.run, evidence), "utf8")) as {
      artifacts: { path: string; sha256: string }[];
    };
    const [source] = metadataOf(run.path, "source_exports/1").artifacts;
    expect(artifacts).toContainEqual(expect.objectContaining({ path: source?.path, sha256: source?.sha256 }));
  });

  test("the commands of RESTORE.md open and restore it with age alone", () => {
    const to = join(directory, "by-hand");
    followGuide(run.path, to, join(directory, "outside"), recovery.file);
    expect(readFileSync(join(to, "clara_content/Project_1/picture.png"), "utf8")).toContain(MARK);
    expect(
      compareTrees(join(site.root, "clara_content"), join(to, "clara_content"), { without: ["owner", "mtime"] }),
    ).toEqual([]);
  });

  test("nothing plain is left behind in the temporary directory", async () => {
    const temp = join(directory, "tmp");
    mkdirSync(temp);
    const args = ["--dest", site.dest, "--run", run.run, "--identity", operator.file];
    const env = { TMPDIR: temp };
    await runInProcess("verify", args, { env });
    await backup(site, [], { env });
    expect(filesOf(temp)).toEqual([]);
  });

  test("one flipped byte is found, without an identity and with one", async () => {
    const copy = join(directory, "flipped");
    execFileSync("cp", ["-a", site.dest, copy]);
    const file = join(copy, "runs", run.run, "source_exports/2/source.zip.age");
    const bytes = readFileSync(file);
    bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 1;
    rmSync(file);
    writeFileSync(file, bytes);
    for (const extra of [[], ["--identity", operator.file]]) {
      const result = await runInProcess("verify", ["--dest", copy, "--run", run.run, ...extra]);
      expect(result.code).toBe(13);
      expect(result.stdout).toContain("source_exports/2/source.zip.age");
    }
    const to = join(tempDirectory(), "to");
    const args = ["--dest", copy, "--run", run.run, "--to", to, "--identity", operator.file];
    expect((await runInProcess("restore", args)).code).toBe(13);
    expect(existsSync(to)).toBe(false);
  });
});

describe("recipients", () => {
  test("a changed set says what it builds again, and does so", async () => {
    const directory = tempDirectory();
    const [first, second] = [ageIdentity(directory, "first"), ageIdentity(directory, "second")];
    const site = markedSite(directory, encryption(first.recipient));
    const before = await backUp(site);
    await rest();
    const config = readFileSync(site.config, "utf8");
    writeFileSync(site.config, config.replace(first.recipient, second.recipient));
    const result = await backup(site);
    expect(result.code).toBe(0);
    expect(result.notes).toMatch(
      new RegExp(`${before.run} is sealed to other recipients: \\d+ units with .* built again`),
    );
    expect(result.summary?.units_reused).toBe(0);
    const to = join(directory, "to");
    const args = ["--dest", site.dest, "--to", to, "--identity", second.file];
    expect((await runInProcess("restore", args)).code).toBe(0);
  });

  test("SSH keys seal and open", async () => {
    const directory = tempDirectory();
    const identity = sshIdentity(directory, "id_ed25519");
    const site = markedSite(directory, encryption(identity.recipient));
    await backUp(site);
    const to = join(directory, "to");
    const args = ["--dest", site.dest, "--to", to, "--identity", identity.file];
    expect((await runInProcess("restore", args)).code).toBe(0);
    expect(readFileSync(join(to, "clara_content/Project_1/picture.png"), "utf8")).toContain(MARK);
  });

  test("gpg seals with the public half alone, and opens with the secret one", async () => {
    const directory = tempDirectory();
    const key = gpgIdentity(directory);
    const site = markedSite(directory, {
      encryption: `encryption: { program: gpg, recipients: ["${key.recipient}"] }`,
    });
    const env = { GNUPGHOME: key.home };
    const { code, summary, stderr } = await backupByScripts(site, [], { env });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(existsSync(join(summary?.path ?? "", "source_exports/1/source.zip.gpg"))).toBe(true);
    expect(filesWithMark(site.dest).filter((file) => !TELL_TITLES.test(file))).toEqual([]);
    const to = join(directory, "to");
    const args = ["--dest", site.dest, "--to", to, "--identity", key.file];
    expect((await runInProcess("restore", args)).code).toBe(0);
    expect(readFileSync(join(to, "clara_content/Project_1/picture.png"), "utf8")).toContain(MARK);
  });

  test("an identity comes from a command too", async () => {
    const directory = tempDirectory();
    const identity = ageIdentity(directory, "operator");
    const site = makeSite(directory, {
      config: {
        encryption: `encryption: { recipients: ["${identity.recipient}"], identity_command: [cat, ${identity.file}] }`,
      },
    });
    await backUp(site);
    const to = join(directory, "to");
    const result = await runInProcess("restore", ["--config", site.config, "--dest", site.dest, "--to", to]);
    expect(result.code).toBe(0);
  });

  test.each([
    ["age1notakey", /not a recipient of age/, 2],
    [`age1${"q".repeat(58)}`, /malformed recipient/, 1],
  ])("%s is refused before anything is read", async (recipient, message, code) => {
    const site = makeSite(tempDirectory(), { config: encryption(recipient) });
    const result = await backup(site);
    expect(result.code).toBe(code);
    expect(result.error?.message).toMatch(message);
  });

  test("a file of recipients that others may write is refused", async () => {
    const directory = tempDirectory();
    const file = join(directory, "recipients");
    writeFileSync(file, `# the operator\n${ageIdentity(directory, "operator").recipient}\n`, { mode: 0o666 });
    execFileSync("chmod", ["666", file]);
    const site = makeSite(directory, { config: { encryption: `encryption: { recipients_file: ${file} }` } });
    const refused = await backup(site);
    expect(refused.code).toBe(2);
    expect(refused.error?.message).toContain("others may write");
    execFileSync("chmod", ["644", file]);
    expect((await backup(site)).code).toBe(0);
  });
});

const stateOf = (json: readonly unknown[], id: string): string | undefined => {
  const summary = json.at(-1) as { checks: { id: string; state: string }[] };
  return summary.checks.find((check) => check.id === id)?.state;
};
