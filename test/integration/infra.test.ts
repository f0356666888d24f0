/** `infra/` of a host with secrets in all the usual places: read back with grep, not with our own eyes. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { collectInfra, type InfraInput } from "../../lib/steps/infra/collect.ts";
import { PLACEHOLDER } from "../../lib/steps/infra/redact/text.ts";
import { INNOCENT, plantSecrets, SECRETS } from "../support/secrets.ts";

let root: string;
let out: string;
const oldPath = process.env.PATH;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "holdfast-infra-"));
  out = path.join(root, "infra");
});
afterEach(() => {
  process.env.PATH = oldPath;
  rmSync(root, { recursive: true, force: true });
});

const NOTHING = {
  env: [],
  keepValues: [],
  redactKeys: [],
  nginx: [],
  systemd: [],
  crontabs: [],
  tls: [],
  execPrefix: [],
};

const collect = async (input: Partial<InfraInput>) =>
  await collectInfra({ ...NOTHING, root, ...input }, out, AbortSignal.timeout(60_000));
const read = (name: string): string => readFileSync(path.join(out, name), "utf8");

function write(name: string, content: string | Buffer): string {
  const file = path.join(root, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

function git(...args: string[]): string {
  const identity = ["-c", "user.name=Anna", "-c", "user.email=anna@clara.example"];
  return execFileSync("git", ["-C", path.join(root, "app"), ...identity, ...args], { encoding: "utf8" }).trim();
}

function makeRepository(): void {
  write("app/manage.py", "print('clara')\n");
  git("init", "--quiet", "--initial-branch=main");
  git("add", "manage.py");
  git("commit", "--quiet", "--message=one");
}

/** What `grep -r` finds of a text below the output. */
function grep(text: string): string {
  try {
    return execFileSync("grep", ["-rF", "--", text, out], { encoding: "utf8" });
  } catch {
    return "";
  }
}

/** A `crontab` program that answers as cron's does. */
function fakeCrontab(script: string): void {
  const file = write("bin/crontab", `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  process.env.PATH = `${path.dirname(file)}:${oldPath ?? ""}`;
}

describe("planted secrets", () => {
  test("no secret is found in what was written, and everything else is intact", async () => {
    plantSecrets(root);
    makeRepository();
    git("remote", "add", "origin", "https://anna:Zq99PlantedRemote1@git.example/clara/clara.git");
    git("remote", "add", "token", "https://Zq98PlantedRemote2@git.example/clara.git?private_token=Zq97PlantedRemote3");
    git("remote", "add", "ssh", "ssh://git@git.example:2222/clara.git");
    const result = await collect({
      repo: "app",
      env: ["app/.env"],
      keepValues: ["DEBUG"],
      settings: ["app/settings.py"],
      nginx: ["deploy/nginx.conf"],
      systemd: ["deploy/*.service"],
      crontabs: ["deploy/crontab"],
    });
    expect(result.failures).toEqual([]);
    expect(result.files.toSorted()).toEqual([
      ".env.sample",
      "crontabs/crontab",
      "git_info.txt",
      "nginx_site.conf",
      "settings_snapshot.txt",
      "systemd_units/web.service",
    ]);
    for (const { marker } of SECRETS) {
      expect(grep(marker)).toBe("");
      expect(grep(Buffer.from(`u:${marker}`).toString("base64"))).toBe("");
    }
    expect(grep("Planted")).toBe("");
    for (const { line } of INNOCENT) expect(grep(line)).not.toBe("");
    expect(read("git_info.txt")).toContain("origin\thttps://git.example/clara/clara.git (fetch)");
    expect(read("git_info.txt")).toContain("ssh\tssh://git@git.example:2222/clara.git (push)");
  });

  test("a secret of one file is taken out of the others, where nothing else would tell", async () => {
    write(".env", "MAIL_PASSWORD=unremarkable words 77\nSITE=clara\n");
    write("settings.py", "CODE_WORD_OF_THE_DAY = 'unremarkable words 77'\nSITE = 'clara'\n");
    write("clara.service", "ExecStart=/bin/app --mode Tg7xPq2Lm9\nEnvironment=API_TOKEN=Tg7xPq2Lm9\n");
    write("site.conf", "# Tg7xPq2Lm9\nlisten 80;\n");
    const knownSecrets = ["of the database 1"];
    write("crontab", "0 1 * * * vacuum of the database 1\n");
    await collect({
      knownSecrets,
      env: [".env"],
      settings: ["settings.py"],
      systemd: ["clara.service"],
      nginx: ["site.conf"],
      crontabs: ["./crontab"],
    });
    expect(read("settings_snapshot.txt")).toBe(`CODE_WORD_OF_THE_DAY = '${PLACEHOLDER}'\nSITE = 'clara'\n`);
    expect(read("nginx_site.conf")).toBe(`# ${PLACEHOLDER}\nlisten 80;\n`);
    expect(read("crontabs/crontab")).toBe(`0 1 * * * vacuum ${PLACEHOLDER}\n`);
    expect(grep("Tg7x")).toBe("");
  });

  test("the gate keeps a unit out in which the scanner finds what redaction did not, and does not say what", async () => {
    const kept = "AWS_SECRET_ACCESS_KEY";
    write("settings.py", `# secretlint-disable\nREGION = 'eu'\n${kept} = "${"Zx9Planted8aB7cD6eF5".repeat(2)}"\n`);
    write("site.conf", "listen 80;\n");
    const result = await collect({ settings: ["settings.py"], nginx: ["site.conf"], keepValues: [kept] });
    expect(result.failures).toMatchObject([{ unit: "settings_snapshot.txt", code: "E_SECRET" }]);
    expect(result.failures[0]?.message).toContain(`${path.join(root, "settings.py")}, line 3`);
    expect(JSON.stringify(result)).not.toContain("Planted");
    expect(result.files).toEqual(["nginx_site.conf"]);
    expect(existsSync(path.join(out, "settings_snapshot.txt"))).toBe(false);
  });

  test("a settings command that fails says so without its secrets", async () => {
    write(".env", "DB_PASSWORD=Zx81PlantedInError\n");
    const settingsCommand = ["sh", "-c", "echo cannot connect as clara, Zx81PlantedInError >&2; exit 3"];
    const result = await collect({ env: [".env"], settingsCommand });
    expect(result.failures).toMatchObject([{ unit: "settings_snapshot.txt", code: "E_COMMAND" }]);
    expect(JSON.stringify(result)).not.toContain("Planted");
  });
});

describe("git", () => {
  test("commit, version, branch and what is not committed", async () => {
    makeRepository();
    git("tag", "-a", "v2.4.1", "--message=two");
    write("app/manage.py", "changed\n");
    write("app/new.txt", "");
    write("app/uploads/1.bin", "");
    const commit = git("rev-parse", "HEAD");
    const result = await collect({ repo: "app" });
    expect(result.app).toEqual({ commit, version: "v2.4.1", dirty: true });
    expect(read("git_info.txt")).toContain(`commit: ${commit}\n`);
    expect(read("git_info.txt")).toContain("branch: main\nversion: v2.4.1\ndirty: yes (1 changed, 2 untracked)\n");
    expect(result.warnings).toEqual([
      `this commit exists only here: ${commit} is on no remote branch of ${path.join(root, "app")}`,
      `${path.join(root, "app")} has 1 changed file that is not committed`,
    ]);
  });

  test("a commit that is on a remote branch needs no warning", async () => {
    makeRepository();
    git("update-ref", "refs/remotes/origin/main", "HEAD");
    const result = await collect({ repo: "app" });
    expect(result.warnings).toEqual([]);
    expect(result.app).toMatchObject({ version: null, dirty: false });
    expect(read("git_info.txt")).toContain("on a remote branch: origin/main\n");
  });

  test("nothing in the repository is written, nor run as root when it belongs to another user", async () => {
    makeRepository();
    const monitor = write("app/.git/monitor", `#!/bin/sh\nid -u > ${root}/tmp/ran\n`);
    const filter = write("app/.git/filter", `#!/bin/sh\nid -u > ${root}/tmp/filtered\ncat\n`);
    for (const file of [monitor, filter]) chmodSync(file, 0o755);
    git("config", "core.fsmonitor", monitor);
    git("config", "filter.x.clean", filter);
    write("app/.gitattributes", "manage.py filter=x\n");
    mkdirSync(path.join(root, "tmp"));
    chmodSync(path.join(root, "tmp"), 0o777);
    chmodSync(root, 0o755);
    execFileSync("chown", ["-R", "65534:65534", path.join(root, "app")]);
    execFileSync("touch", ["-d", "2001-01-01", path.join(root, "app/manage.py")]);
    const index = readFileSync(path.join(root, "app/.git/index"));
    const result = await collect({ repo: "app" });
    expect(result.failures).toEqual([]);
    expect(existsSync(path.join(root, "tmp/ran"))).toBe(false);
    expect(readFileSync(path.join(root, "tmp/filtered"), "utf8")).toBe("65534\n");
    expect(readFileSync(path.join(root, "app/.git/index")).equals(index)).toBe(true);
  });

  test("a repository without a commit, and a directory that is not a repository", async () => {
    mkdirSync(path.join(root, "app"));
    expect((await collect({ repo: "app" })).failures).toMatchObject([{ unit: "git_info.txt", code: "E_MISSING" }]);
    git("init", "--quiet");
    const result = await collect({ repo: "app" });
    expect(result.app).toEqual({ commit: null, version: null, dirty: null });
    expect(read("git_info.txt")).toContain("commit: none yet\n");
    expect((await collect({})).failures).toEqual([]);
  });
});

describe("files", () => {
  test("several of a kind have names of their own", async () => {
    write(".env", "A=1\n");
    write("conf/worker.env", "B=2\n");
    write("sites/a.conf", "listen 80;");
    write("sites/b.conf", "listen 81;\n");
    write("units/clara@.service", "[Service]\n");
    write("units/clara@.service.d/limits.conf", "[Service]\nLimitNOFILE=65536\n");
    symlinkSync("/dev/null", path.join(root, "units/masked.service"));
    const result = await collect({
      env: [".env", "conf/*.env"],
      nginx: [path.join(root, "sites")],
      systemd: ["units/*.service"],
    });
    expect(result).toMatchObject({ failures: [], warnings: [] });
    expect(result.files).toEqual([
      ".env.sample",
      "worker.env.sample",
      "nginx_site.conf",
      "systemd_units/clara@.service",
      "systemd_units/clara@.service.d/limits.conf",
      "systemd_units/masked.service",
    ]);
    expect(read(".env.sample")).toBe("A=\n");
    expect(read("worker.env.sample")).toBe("B=\n");
    expect(read("nginx_site.conf")).toBe(
      `# file: ${root}/sites/a.conf\nlisten 80;\n# file: ${root}/sites/b.conf\nlisten 81;\n`,
    );
    expect(statSync(path.join(out, "systemd_units")).mode & 0o777).toBe(0o750);
    expect(statSync(path.join(out, ".env.sample")).mode & 0o777).toBe(0o640);
  });

  test("what is configured and not there, or no text, is a failure of its unit alone", async () => {
    write("sites/a.conf", "listen 80;\n");
    symlinkSync("/nowhere", path.join(root, "sites/b.conf"));
    write("data.env", Buffer.from("A=1\0"));
    write("clara.service", "[Unit]\n");
    execFileSync("mkfifo", [path.join(root, "pipe.service")]);
    const result = await collect({
      env: ["data.env"],
      settings: ["settings.py"],
      nginx: ["sites"],
      systemd: ["clara.service", "gone.service", "pipe.service"],
      tls: ["tls"],
    });
    expect(result.failures.map(({ unit, code }) => `${unit} ${code}`)).toEqual([
      "settings_snapshot.txt E_MISSING",
      ".env.sample E_UNREADABLE",
      "nginx_site.conf E_MISSING",
      "systemd_units/gone.service E_MISSING",
      "systemd_units/pipe.service E_UNREADABLE",
      "tls_files.txt E_MISSING",
    ]);
    expect(result.files).toEqual(["systemd_units/clara.service"]);
  });

  test("a glob that matches nothing is reported, and not a failure: a host may have no such file", async () => {
    write("clara.service", "[Unit]\n");
    const result = await collect({ systemd: ["clara.service"], nginx: ["sites/*.conf"] });
    expect(result).toMatchObject({ files: ["systemd_units/clara.service"], failures: [] });
    expect(result.warnings).toEqual(["infra: nothing matches sites/*.conf"]);
  });

  test("bytes that are no UTF-8 come through as they were", async () => {
    const bytes = Buffer.from([...Buffer.from("NAME = 'caf"), 0xe9, ...Buffer.from("'\r\nPASSWORD = 'planted'\r\n")]);
    write("settings.py", bytes);
    await collect({ settings: ["settings.py"] });
    expect(readFileSync(path.join(out, "settings_snapshot.txt"), "latin1")).toBe(
      `NAME = 'caf\xe9'\r\nPASSWORD = '${PLACEHOLDER}'\r\n`,
    );
  });

  test("a settings command runs behind the prefix, in the root", async () => {
    const result = await collect({
      execPrefix: ["env", "FROM=prefix"],
      settingsCommand: ["sh", "-c", "echo \"WHERE = '$FROM $PWD'\"; echo \"SECRET_KEY = 'planted'\""],
    });
    expect(result.failures).toEqual([]);
    expect(read("settings_snapshot.txt")).toBe(`WHERE = 'prefix ${root}'\nSECRET_KEY = '${PLACEHOLDER}'\n`);
  });

  test("an interrupted collection is not a failure of a unit", async () => {
    write(".env", "A=1\n");
    await expect(collectInfra({ ...NOTHING, root, env: [".env"] }, out, AbortSignal.abort())).rejects.toThrow(
      "aborted",
    );
    expect(existsSync(out)).toBe(false);
  });
});

describe("crontabs", () => {
  test("by user, from the program; a user without one is a warning, another's that may not be seen a failure", async () => {
    fakeCrontab(`case "$*" in
      "-l -u clara") echo "0 3 * * * PGPASSWORD=planted pg_dump clara" ;;
      "-l -u none") echo "no crontab for none" >&2; exit 1 ;;
      "-l -u ghost") echo "crontab: user 'ghost' unknown" >&2; exit 1 ;;
      "-l -u other") echo "must be privileged to use -u" >&2; exit 1 ;;
      *) echo "usage" >&2; exit 2 ;;
    esac`);
    const result = await collect({ crontabs: ["clara", "none", "ghost", "other"] });
    expect(result.files).toEqual(["crontabs/clara"]);
    expect(read("crontabs/clara")).toBe(`0 3 * * * PGPASSWORD=${PLACEHOLDER} pg_dump clara\n`);
    expect(result.warnings).toEqual(["no crontab exists for none"]);
    expect(result.failures.map(({ unit, code }) => `${unit} ${code}`)).toEqual([
      "crontabs/ghost E_MISSING",
      "crontabs/other E_UNREADABLE",
    ]);
  });

  test("where cron is not installed, a user without a spool file has none", async () => {
    fakeCrontab("exit 127");
    const result = await collect({ crontabs: ["holdfast-nobody"] });
    expect(result).toMatchObject({ files: [], failures: [], warnings: ["no crontab exists for holdfast-nobody"] });
  });
});

describe("TLS files", () => {
  test("certificates are described, keys only named", async () => {
    mkdirSync(path.join(root, "tls"));
    const [key, certificate] = ["privkey.pem", "fullchain.pem"].map((name) => path.join(root, "tls", name));
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ed25519",
        "-nodes",
        "-days",
        "30",
        "-subj",
        "/O=Clara/CN=clara.example",
        "-keyout",
        key ?? "",
        "-out",
        certificate ?? "",
      ],
      { stdio: "ignore" },
    );
    const result = await collect({ tls: ["tls"] });
    expect(result.failures).toEqual([]);
    const text = read("tls_files.txt");
    expect(text).toMatch(
      /fullchain\.pem\n {2}size: \d+, modified: 20\S+Z\n {2}certificate: O=Clara, CN=clara\.example\n {4}issuer: .*\n {4}not after: 20\S+Z\n/,
    );
    expect(text).toContain(`${key}\n  private key\n`);
    for (const line of readFileSync(key ?? "", "utf8")
      .split("\n")
      .slice(1, -2))
      expect(text).not.toContain(line);
    expect(text).not.toContain("BEGIN");
  });

  test("a key that may not be read is listed all the same", async () => {
    const file = write("tls/privkey.pem", "x");
    chmodSync(file, 0o000);
    chownSync(file, 65534, 65534);
    const result = await collect({ tls: ["tls/privkey.pem"] });
    expect(result.failures).toEqual([]);
    expect(read("tls_files.txt")).toContain(file);
  });
});
