/** A restore as root, beside a user of the site, of the store, or of /tmp, who wants it to write or remove somewhere else. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { splitPassword } from "../../../lib/database/access/url.ts";
import { sweepSandboxes } from "../../../lib/ops/scratch/sandbox.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { acquirePostgres } from "../../support/servers/acquire.ts";
import { tempDirectory } from "../../support/temp.ts";

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)("a restore as root", () => {
  let base: string;
  const restore = async (...args: string[]) =>
    await runInProcess("restore", ["--dest", join(base, "store"), ...args], {
      env: { XDG_STATE_HOME: join(base, "state") },
    });
  const inPlace = async () =>
    await restore("--config", join(base, "site.yaml"), "--in-place", "--yes", "--no-safety", "--reason", "a test");

  beforeEach(async () => {
    base = tempDirectory();
    chmodSync(base, 0o755);
    mkdirSync(join(base, "site/images"), { recursive: true });
    mkdirSync(join(base, "site/legacy/one"), { recursive: true });
    mkdirSync(join(base, "victim"), { mode: 0o700 });
    writeFileSync(join(base, "victim/precious"), "precious\n");
    writeFileSync(join(base, "site/images/a.png"), "image\n");
    writeFileSync(join(base, "site/legacy/one/a"), "old\n");
    writeFileSync(join(base, "nginx.conf"), "server {}\n");
    execFileSync("chown", ["-R", "nobody", join(base, "site")]);
    writeFileSync(
      join(base, "site.yaml"),
      `site: s\nroot: ${base}/site\ndest: ${base}/store\nlegacy: { path: legacy }\nsnapshots: { media: [images] }\ninfra: { nginx: [${base}/nginx.conf] }\n`,
    );
    const { code } = await runInProcess("backup_all", ["--config", join(base, "site.yaml")], {
      env: { XDG_STATE_HOME: join(base, "state") },
    });
    expect(code).toBe(0);
  });

  test("writes nothing into a staging directory that another user has made", async () => {
    const shared = join(base, "shared");
    mkdirSync(shared);
    chmodSync(shared, 0o1777);
    const now = Date.now();
    const names = Array.from({ length: 60 }, (_none, second) => {
      const time = new Date(now + second * 1000).toISOString();
      return `.holdfast-restore-${time.slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
    });
    for (const name of names) mkdirSync(join(shared, name), { mode: 0o777 });
    for (const name of names) execFileSync("chown", ["nobody", join(shared, name)]);
    const { code, stderr } = await restore("--to", join(shared, "look"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/staging directory .* belongs to another user or process/);
    expect(readdirSync(shared).toSorted()).not.toContain("look");
  });

  test("follows no link that the site's user has put in the place of a tree, and says whose it is", async () => {
    rmSync(join(base, "site/images"), { recursive: true });
    symlinkSync(join(base, "victim"), join(base, "site/images"));
    execFileSync("chown", ["-h", "nobody", join(base, "site/images")]);
    const { code, stderr } = await inPlace();
    expect(code).toBe(1);
    expect(stderr).toContain(`${base}/site/images is a symlink owned by uid`);
    expect(readFileSync(join(base, "victim/precious"), "utf8")).toBe("precious\n");
    expect(readdirSync(join(base, "victim"))).toEqual(["precious"]);
  });

  test("follows a link to what is the same user's, or that root has made", async () => {
    const elsewhere = join(base, "elsewhere");
    execFileSync("cp", ["-a", join(base, "site/images"), elsewhere]);
    rmSync(join(base, "site/images"), { recursive: true });
    symlinkSync(elsewhere, join(base, "site/images"));
    execFileSync("chown", ["-h", "nobody", join(base, "site/images")]);
    writeFileSync(join(elsewhere, "a.png"), "spoilt\n");
    const preview = await restore("--config", join(base, "site.yaml"), "--in-place", "--dry-run");
    expect(preview.stdout).toContain(`outside the site's root:\n    ${elsewhere}`);
    expect((await inPlace()).code).toBe(0);
    expect(lstatSync(join(base, "site/images")).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(elsewhere, "a.png"), "utf8")).toBe("image\n");
  });

  test("writes to no place that the run names and the config does not", async () => {
    const planted = join(base, "cron.d");
    const run = realpathSync(join(base, "store/latest"));
    rewrite(run, "legacy_zips/one/metadata.json", '"path": "legacy/one"', `"path": "${planted}"`);
    const { code, stderr } = await inPlace();
    expect(code).toBe(1);
    expect(stderr).toContain(`the run names ${planted}, outside the site's root, and the config does not`);
    expect(existsSync(planted)).toBe(false);
  });

  test("a file of infra that the config does not name is left to the operator", async () => {
    const planted = join(base, "cron.d");
    const run = realpathSync(join(base, "store/latest"));
    rewrite(run, "infra/metadata.json", `"${base}/nginx.conf"`, `"${planted}"`);
    const { code, stdout } = await inPlace();
    expect(code).toBe(0);
    expect(stdout).toContain(`${planted}: the config does not name it`);
    expect(existsSync(planted)).toBe(false);
  });

  test("a run of a newer format is refused, and no drill proves it", async () => {
    const run = realpathSync(join(base, "store/latest"));
    rewrite(run, "manifest.json", '"format_version": "1.0.0"', '"format_version": "2.0.0"');
    expect(await restore("--to", join(base, "look"))).toMatchObject({ code: 14 });
    expect(existsSync(join(base, "look"))).toBe(false);
    const { code, stdout } = await runInProcess("drill", ["--dest", join(base, "store")]);
    expect(code).toBe(13);
    expect(stdout).toContain("has format 2.0.0; this Holdfast knows 1.0.0");
  });

  describe("whose journal a user with rights in the store changes", () => {
    const journal = (): { file: string; text: string } => {
      const [name = ""] = readdirSync(join(base, "store/restores"));
      const file = join(base, "store/restores", name);
      return { file, text: readFileSync(file, "utf8") };
    };

    beforeEach(async () => {
      expect((await inPlace()).code).toBe(0);
    });

    test("rolls nothing back to another place", async () => {
      const { file, text } = journal();
      writeFileSync(file, text.replaceAll(`"live": "${base}/site/images"`, `"live": "${base}/cron.d"`));
      const { code, stderr } = await restore("--config", join(base, "site.yaml"), "--rollback", "--yes");
      expect(code).toBe(13);
      expect(stderr).toContain("was modified: the seal of its operations differs");
      expect(existsSync(join(base, "cron.d"))).toBe(false);
      writeFileSync(file, text);
      expect((await restore("--config", join(base, "site.yaml"), "--rollback", "--yes")).code).toBe(0);
    });

    test("removes no other directory when it is confirmed", async () => {
      const { file, text } = journal();
      const [, own = ""] = /"bases": \[\s*"([^"]+)"/.exec(text) ?? [];
      for (const [other, said] of [
        [join(base, "victim"), "is not one of its staging directories"],
        [join(base, "shared", own.slice(own.lastIndexOf("/") + 1)), "belongs to another user or process"],
      ] as const) {
        mkdirSync(other, { recursive: true });
        if (!other.endsWith("victim")) execFileSync("chown", ["nobody", other]);
        writeFileSync(
          file,
          text.replace(`"${own}"`, () => `"${own}", "${other}"`),
        );
        const { code, stderr } = await restore("--config", join(base, "site.yaml"), "--confirm", "--yes");
        expect(code).toBe(13);
        expect(stderr).toContain(said);
        expect(existsSync(other)).toBe(true);
      }
      writeFileSync(file, text);
      expect((await restore("--config", join(base, "site.yaml"), "--confirm", "--yes")).code).toBe(0);
    });
  });

  /** Changes a document of a run, and its checksum with it. */
  function rewrite(run: string, file: string, from: string, to: string): void {
    const text = readFileSync(join(run, file), "utf8");
    expect(text).toContain(from);
    rmSync(join(run, file));
    writeFileSync(
      join(run, file),
      text.replace(from, () => to),
    );
    execFileSync("bash", [
      "-c",
      `cd "$0" && find . -type f ! -name SHA256SUMS -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum > ../sums && mv ../sums SHA256SUMS`,
      run,
    ]);
  }
});

test("a sweep takes away the sandboxes of this user's dead drills, and drops databases that are called like theirs", async () => {
  const server = await acquirePostgres();
  const temporary = tempDirectory();
  try {
    const owner = {
      host: hostName(),
      boot_id: "x",
      pid: 4190001,
      started: "1",
      command: "drill",
      token: "t",
      since: "2026-01-01T00:00:00Z",
    };
    const { url } = splitPassword(server.superuserUrl);
    const plant = (name: string, databases: string[]): string => {
      const directory = join(temporary, name);
      mkdirSync(directory);
      const text = JSON.stringify({ owner, databases: databases.map((database) => ({ url, name: database })) });
      writeFileSync(join(directory, "owner.json"), text);
      return directory;
    };
    for (const name of ["holdfast_drill_4190001_mine_0", "holdfast_drill_4190001_other_0", "of_another"])
      await server.sql(`create database ${name}`);
    const mine = plant("holdfast-drill-4190001-mine", [
      "holdfast_drill_4190001_mine_0",
      "of_another",
      "holdfast_drill_4190001_other_0",
    ]);
    const foreign = isRoot ? plant("holdfast-drill-4190001-other", ["holdfast_drill_4190001_other_0"]) : undefined;
    if (foreign !== undefined) execFileSync("chown", ["-R", "nobody", foreign]);
    await sweepSandboxes(temporary, server.superuserUrl, new AbortController().signal);
    const left = await server.sql(
      "select datname from pg_database where datname like 'holdfast%' or datname = 'of_another' order by 1",
    );
    expect(left).toContain("of_another");
    expect(left).toContain("holdfast_drill_4190001_other_0");
    expect(left).not.toContain("holdfast_drill_4190001_mine_0");
    expect(existsSync(mine)).toBe(false);
    if (foreign !== undefined) expect(existsSync(foreign)).toBe(true);
  } finally {
    await server.release();
  }
});

const hostName = (): string => readFileSync("/proc/sys/kernel/hostname", "utf8").trim();
