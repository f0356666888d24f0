/** Secrets in every form that hosts have them, looked for with grep: in the run, in what is printed, in the arguments of every process. */
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { failuresOf, procFile, startBackup, toResult, type BackupResult } from "../../support/runs/backup.ts";
import { filesOf } from "../../support/files.ts";
import { plantSecrets, SECRETS } from "../../support/secrets.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { makeTemp, removeTree } from "../../support/temp.ts";

/** Put together here, so that no scanner takes this file for a leak. */
const mark = (name: string): string => `Zq${name}Hj4Kx9Wv2`;

/** In the config, in files that it names, in the remote of the repository, and in the environment. */
const FURTHER = {
  urlPassword: mark("UrlPassword"),
  encodedPassword: mark("Encoded"),
  filePassword: mark("FilePassword"),
  commandPassword: mark("CommandPassword"),
  remoteToken: mark("RemoteToken"),
  hookToken: mark("HookToken"),
  commentToken: mark("CommentToken"),
  variablePassword: mark("VariablePassword"),
  failingPassword: mark("FailingPassword"),
};

const markers = [...SECRETS.map(({ marker }) => marker), ...Object.values(FURTHER)];

let site: TestSite;
let result: BackupResult;
/** The arguments of every process that was seen while the run went on. */
const seen = new Set<string>();

beforeAll(async () => {
  const databases = [
    "  - { url: sqlite:///db.sqlite3 }",
    `  - { name: inline, url: "postgresql://clara:${FURTHER.urlPassword}@127.0.0.1:1/clara" }`,
    `  - { name: encoded, url: "mysql://clara:${FURTHER.encodedPassword}%2Fx@127.0.0.1:1/clara" }`,
    "  - { name: by_file, url: postgresql://clara@127.0.0.1:1/clara, password_file: ../password }",
    `  - { name: by_command, url: mariadb://clara@127.0.0.1:1/clara, password_command: [sh, ../password.sh] }`,
    `  - { name: by_failure, url: mariadb://clara@127.0.0.1:1/clara, password_command: [sh, ../failing.sh] }`,
    `  - { name: by_variable, url: "postgresql://clara:\${PASSWORD_OF_TEST}@127.0.0.1:1/clara" }`,
  ];
  site = makeSite(makeTemp("holdfast-e2e-"), {
    config: {
      database: `database:\n${databases.join("\n")}`,
      infra:
        "infra: { repo: app, env: [app/.env], settings: [app/settings.py], keep_values: [DEBUG], nginx: [deploy/nginx.conf], systemd: [deploy/web.service], crontabs: [deploy/crontab] }",
      hooks: `hooks: { after: [sh, -c, "true", --token, "${FURTHER.hookToken}"] }`,
      comment: `# password: ${FURTHER.commentToken}`,
    },
  });
  writeFileSync(join(site.root, "../password"), `${FURTHER.filePassword}\n`);
  writeFileSync(join(site.root, "../password.sh"), `echo ${FURTHER.commandPassword}\n`);
  const failing = `echo ${FURTHER.failingPassword}; echo the password is ${FURTHER.failingPassword} >&2; exit 3\n`;
  writeFileSync(join(site.root, "../failing.sh"), failing);
  plantSecrets(site.root);
  const git = (...args: string[]): void =>
    void execFileSync("git", ["-C", join(site.root, "app"), "-c", "user.name=t", "-c", "user.email=t@t", ...args], {
      stdio: "ignore",
    });
  git("init");
  git("remote", "add", "origin", `https://deploy:${FURTHER.remoteToken}@git.example/clara.git`);
  git("add", "settings.py");
  git("commit", "-m", "Settings");

  const { done } = startBackup(site, ["--verbose"], { env: { PASSWORD_OF_TEST: FURTHER.variablePassword } });
  let running = true;
  const finished = done.finally(() => (running = false));
  while (running) {
    for (const pid of readdirSync("/proc")) if (/^\d+$/.test(pid)) seen.add(procFile(Number(pid), "cmdline"));
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  result = toResult(await finished);
});
afterAll(() => removeTree(join(site.root, "..")));

const found = (text: string): string[] => markers.filter((marker) => text.includes(marker));

test("more than thirty secrets are planted, and grep finds them where they stand", () => {
  expect(markers.length).toBeGreaterThan(30);
  const { stdout } = spawnSync(
    "grep",
    [
      "-rhoaF",
      ...markers.flatMap((marker) => ["-e", marker]),
      "--",
      join(site.root, "app"),
      join(site.root, "deploy"),
      site.config,
    ],
    { encoding: "utf8" },
  );
  const planted = new Set(stdout.split("\n"));
  expect(SECRETS.filter(({ marker, name }) => !planted.has(marker) && name !== "basic credentials")).toEqual([]);
});

test("none is in the run: not in infra, the documents, the log, the config that was used, nor in the guide", () => {
  const run = result.summary?.path ?? "";
  expect(result.code).toBe(3);
  expect(filesOf(join(run, "infra"))).toEqual(
    expect.arrayContaining([
      ".env.sample",
      "settings_snapshot.txt",
      "nginx_site.conf",
      "systemd_units/web.service",
      "crontabs/crontab",
      "git_info.txt",
    ]),
  );
  expect(
    failuresOf(run)
      .filter(({ severity }) => severity === "failed")
      .map(({ unit }) => unit),
  ).toEqual(["by_command", "by_failure", "by_file", "by_variable", "encoded", "inline"]);
  const { stdout, status } = spawnSync(
    "grep",
    ["-rnaF", ...markers.flatMap((marker) => ["-e", marker]), "--", site.dest],
    { encoding: "utf8" },
  );
  expect(stdout).toBe("");
  expect(status).toBe(1);
  for (const marker of markers) expect(readFileSync(join(run, "site.yaml"), "utf8")).not.toContain(marker);
  expect(readFileSync(join(run, "site.yaml"), "utf8")).toContain("password_file: ../password");
  expect(readFileSync(join(run, "infra/git_info.txt"), "utf8")).toContain("git.example/clara.git");
});

test("none is printed", () => {
  expect(found(result.stdout)).toEqual([]);
  expect(found(result.stderr)).toEqual([]);
  expect(result.stdout).toContain("database.url holds a password");
});

test("none is among the arguments of a process, at any time", () => {
  expect([...seen].filter((line) => line.includes("backup_db")).length).toBeGreaterThan(0);
  // What the site's own config puts into the arguments of a hook is its own to answer for.
  expect(found([...seen].join("\n").replaceAll(FURTHER.hookToken, ""))).toEqual([]);
});

test("none is in an error of the config", async () => {
  const config = join(site.root, "../broken.yaml");
  writeFileSync(config, readFileSync(site.config, "utf8").replace("site: test", "site: test\ndatabses: x"));
  appendFileSync(config, "\nlegcy: 1\n");
  const broken = toResult(
    await startBackup({ ...site, config }, ["--verbose"], { env: { PASSWORD_OF_TEST: FURTHER.variablePassword } }).done,
  );
  expect(broken.code).toBe(2);
  expect(found(broken.stdout + broken.stderr)).toEqual([]);
});
