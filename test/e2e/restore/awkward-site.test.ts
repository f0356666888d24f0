/** An awkward site, destroyed and brought back: to a directory, in place, in part, by whoever; compared byte for byte. */
import { createHash } from "node:crypto";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { plantAwkward } from "../../support/sites/awkward.ts";
import { backUp, isMessage, manifestOf, readJson, rest, startBuilt, type Summary } from "../../support/runs/backup.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import type { StartedScript } from "../../support/commands/run.ts";
import { builtScript } from "../../support/commands/build.ts";
import { compareTrees } from "../../support/compare.ts";
import { COMPILED, makeSite, type TestSite } from "../../support/sites/site.ts";
import { suiteDirectory, removeTree, tempDirectory } from "../../support/temp.ts";

/** What no archive holds, what no step covers, and databases, whose headers a copy changes. */
const NOT_COMPARED = /(^|\/)fifo$|(^|\/)[^/]*\.(db|sqlite3)$|^app(\/|$)|^\.holdfast(\/|$)/;
/** A zip has no hard links. */
const WITHOUT = { without: ["links"] as const };

const directory = suiteDirectory("holdfast-e2e-");
let site: TestSite;
let run: Summary;

beforeAll(async () => {
  site = makeSite(directory, {
    projects: 3,
    audioFiles: 12,
    audioBytes: 200_000,
    config: {
      projects: `projects:
  query: select p.id, p.internal_id from clara_app_claraproject p
  source: { path: "clara_content/{internal_id}" }
${COMPILED}
    rebuild: [${directory}/rebuild, "{id}"]`,
      infra: `infra: { env: [app/.env], keep_values: [DEBUG], nginx: [nginx.conf] }`,
    },
  });
  for (const place of [
    "clara_content/Project_1",
    "clara_compiled/1",
    "lara_legacy/Awkward tree",
    "audio/tts_repository_orm",
    "images",
  ])
    plantAwkward(join(site.root, place, "odd"));
  const invalid = Buffer.concat([Buffer.from(`${site.root}/lara_legacy/`), Buffer.from("caf\xe9\n1", "latin1")]);
  mkdirSync(invalid);
  writeFileSync(Buffer.concat([invalid, Buffer.from("/page.html")]), "<p>Invalid name</p>\n");
  site.write("clara_content/Nobody's own/text.txt", "a directory without a row\n");
  site.write("clara_content/loose.txt", "beside the projects\n");
  mkdirSync(join(site.root, "lara_legacy/Nothing in it"));
  mkdirSync(join(site.root, "clara_content/Nothing in it either"));
  site.write("nginx.conf", "proxy_pass http://user:a-password-9Zx81@127.0.0.1;\nroot /srv;\n");
  writeFileSync(
    join(directory, "rebuild"),
    `#!/bin/sh\nmkdir -p "${site.root}/clara_compiled/$1"; echo "compiled $1" > "${site.root}/clara_compiled/$1/new.html"\n`,
    { mode: 0o755 },
  );
  // A tree of another disk, behind a link.
  renameSync(join(site.root, "templates"), join(directory, "elsewhere"));
  symlinkSync("../elsewhere", join(site.root, "templates"));
  chmodSync(join(site.root, "lara_legacy"), 0o2770);
  chownSync(join(site.root, "clara_content"), 1234, 4321);
  for (const parent of ["clara_content", "lara_legacy", "audio", "images", ""])
    utimesSync(join(site.root, parent), 1_600_000_000, 1_600_000_000);
  await rest();
  await backUp(site);
  site.write("audio/tts_repository_orm/google/french/voice_1/default_1.mp3", "another sound");
  rmSync(join(site.root, "audio/tts_repository_orm/odd/elsewhere"), { recursive: true });
  run = await backUp(site);
  execFileSync("cp", ["-a", site.root, join(directory, "original")]);
});

const original = (): string => join(directory, "original");
const flags = (): string[] => ["--config", site.config, "--dest", site.dest, "--json"];
/** The run of the beginning, whatever has been backed up since. */
/** Runs the script on the run of this file; a command that ends a restore takes the restore and no run. */
const restore = async (...args: string[]) => {
  const ends = args.some((arg) => ["--confirm", "--rollback", "--recover"].includes(arg));
  return await runInProcess("restore", [...flags(), ...(ends ? [] : ["--run", run.run]), ...args]);
};
const inPlace = async (...args: string[]) => await restore("--in-place", "--yes", ...args);
const messageOf = (json: readonly unknown[], type: string): unknown =>
  json.find((line) => isMessage(line) && line.message_type === type);
const compare = (a: string, b: string): string[] =>
  compareTrees(a, b, { ...WITHOUT, ignore: (path) => NOT_COMPARED.test(path) });

/** Puts the site back as it was, whatever a test has made of it. */
function reset(): void {
  removeTree(site.root);
  execFileSync("cp", ["-a", original(), site.root]);
  for (const name of readdirSync(directory).filter((one) => one.startsWith(".holdfast")))
    removeTree(join(directory, name));
  removeTree(join(site.dest, "restores"));
}

/** Everything that a command which must not write could change. */
const stampOf = (place: string): string =>
  execFileSync("find", [place, "-printf", "%p %i %m %s %T@ %C@ %l\\n"], { encoding: "latin1", maxBuffer: 1 << 28 });

const attributes = (file: string): unknown[] => {
  const { mode, uid, gid, mtimeMs } = statSync(file);
  return [mode & 0o7777, uid, gid, Math.floor(mtimeMs / 1000)];
};

function compareDatabases(a: string, b: string): void {
  for (const file of ["db.sqlite3", "audio/tts_metadata.db"]) {
    const [left, right] = [a, b].map((root) =>
      execFileSync("sqlite3", [join(root, file), ".dump", "pragma integrity_check"]).toString(),
    );
    expect(right, file).toBe(left);
  }
}

describe("to a directory", () => {
  test("the whole site as it was, with the times, modes and owners of directories too", async () => {
    const to = join(directory, "to");
    onTestFinished(() => removeTree(to));
    const before = stampOf(join(site.dest, "runs"));
    const { code, stderr, json } = await restore("--to", to);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    // A link to a tree is a tree here: what lay behind it comes where the site had it.
    expect(compare(original(), to).filter((line) => !/^"(templates|nginx.conf)/.test(line))).toEqual([]);
    expect(readFileSync(join(to, "templates/file.txt"), "utf8")).toBe("templates\n");
    for (const place of [
      "",
      "clara_content",
      "lara_legacy",
      "audio",
      "images",
      "clara_content/Project_1",
      "audio/tts_repository_orm",
    ])
      expect([place, ...attributes(join(to, place))]).toEqual([place, ...attributes(join(original(), place))]);
    compareDatabases(original(), to);
    expect(readdirSync(join(to, ".holdfast/infra")).toSorted()).toEqual([".env.sample", "nginx_site.conf"]);
    expect(messageOf(json, "summary")).toMatchObject({ kept: false, run: run.run });
    expect(stampOf(join(site.dest, "runs"))).toBe(before);
    expect(readdirSync(directory).filter((name) => name.startsWith(".holdfast"))).toEqual([]);
    expect((await restore("--to", to)).code).toBe(1);
  });

  test("into one that is empty, of an earlier run, by a user who is not root, from a store that cannot be written to", async () => {
    const base = tempDirectory();
    const to = join(base, "to");
    mkdirSync(to);
    for (const one of [base, to]) chownSync(one, 65_534, 65_534);
    execFileSync("cp", ["-a", site.dest, join(base, "store")]);
    execFileSync("chmod", ["-R", "a+rX,a-w", join(base, "store")]);
    const { status, stderr } = spawnSync(
      "setpriv",
      [
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        process.execPath,
        builtScript("restore"),
        "--dest",
        join(base, "store"),
        "--to",
        to,
        "--step",
        "source_exports,audio_cache",
      ],
      { encoding: "utf8", env: { ...process.env, XDG_STATE_HOME: base } },
    );
    expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
    const found = compareTrees(join(original(), "clara_content"), join(to, "clara_content"), {
      without: ["links", "owner"],
      ignore: (path) => NOT_COMPARED.test(path),
    });
    expect(found.filter((line) => !/set[ug]id/.test(line))).toEqual([]);
    expect(statSync(join(to, "clara_content/loose.txt")).uid).toBe(65_534);
    execFileSync("chmod", ["-R", "u+w", join(base, "store")]);
  });

  test("owners by number, by name, or all one's", async () => {
    const to = join(directory, "owners");
    for (const [flag, uid] of [
      ["number", 1234],
      ["name", 1234],
      ["nobody:daemon", 65_534],
    ] as const) {
      expect((await restore("--to", to, "--step", "source_exports", "--owner", flag)).code).toBe(0);
      expect([flag, statSync(join(to, "clara_content")).uid]).toEqual([flag, uid]);
      removeTree(to);
    }
    expect((await restore("--to", to, "--owner", "no-such-user")).code).toBe(2);
  });

  test("nothing that is there is overwritten", async () => {
    const to = tempDirectory();
    mkdirSync(join(to, "images"));
    writeFileSync(join(to, "images/mine"), "mine");
    const before = stampOf(to);
    expect(await restore("--to", to)).toMatchObject({ code: 1 });
    expect(stampOf(to)).toBe(before);
  });
});

describe("in place", () => {
  test("on an empty host: the whole site by one rename, and nothing to be taken aside", async () => {
    onTestFinished(reset);
    removeTree(site.root);
    const { code, stderr } = await inPlace();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(compare(original(), site.root).filter((line) => !/^"(templates|nginx.conf)/.test(line))).toEqual([]);
    compareDatabases(original(), site.root);
    expect(attributes(site.root)).toEqual(attributes(original()));
    expect((await restore("--rollback")).code).toBe(0);
    expect(existsSync(site.root)).toBe(false);
  });

  test("over a site that has changed: what was there is kept, passed over by backups, and comes back", async () => {
    onTestFinished(reset);
    site.write("clara_content/Project_1/texts/text 1.txt", "spoilt");
    site.write("clara_content/Project_1/made since.txt", "new");
    site.write("clara_content/loose.txt", "spoilt");
    site.write("elsewhere of the site/stays.txt", "stays");
    rmSync(join(site.root, "images"), { recursive: true });
    rmSync(join(site.root, "audio/tts_metadata.db"));
    writeFileSync(join(site.root, "audio/tts_metadata.db"), "no database");
    site.sql("delete from clara_app_claraproject where id = 2");
    const changed = join(directory, "changed");
    onTestFinished(() => removeTree(changed));
    execFileSync("cp", ["-a", site.root, changed]);
    const { code, stderr, json } = await inPlace();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(messageOf(json, "summary")).toMatchObject({ kept: true });
    // the time of a directory that the site has changed since is the site's own
    const ignore = /^"(elsewhere of the site|nginx.conf)|^"(audio|clara_content)": mtime /;
    expect(
      compare(original(), site.root).filter((line) => !ignore.test(line) && !line.includes(".holdfast-restore")),
    ).toEqual([]);
    expect(lstatSync(join(site.root, "templates")).isSymbolicLink()).toBe(true);
    compareDatabases(original(), site.root);
    const between = await backUp(site);
    expect(between.failed).toBe(0);
    expect(between.uncovered.filter((one) => !one.includes(" -> "))).toEqual(["elsewhere of the site/"]);
    expect(JSON.stringify(manifestOf(between.path))).not.toContain(".holdfast-restore");
    expect((await inPlace()).code).toBe(1);
    expect((await restore("--rollback")).code).toBe(0);
    expect(compareTrees(changed, site.root, { ...WITHOUT, ignore: (path) => /(^|\/)fifo$/.test(path) })).toEqual([]);
    expect(readdirSync(directory).filter((name) => name.startsWith(".holdfast"))).toEqual([]);
  });

  test("one project alone; the others stay as they are, those that were made since too", async () => {
    onTestFinished(reset);
    for (const project of [1, 2]) site.write(`clara_content/Project_${project}/texts/text 1.txt`, "spoilt");
    const before = ["clara_content/Project_2", "lara_legacy/Old_book", "images/image_repository_orm"].map((one) =>
      stampOf(join(site.root, one)),
    );
    const { code, stderr } = await inPlace("--unit", "Project_1");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(compare(join(original(), "clara_content/Project_1"), join(site.root, "clara_content/Project_1"))).toEqual(
      [],
    );
    expect(
      ["clara_content/Project_2", "lara_legacy/Old_book", "images/image_repository_orm"].map((one) =>
        stampOf(join(site.root, one)),
      ),
    ).toEqual(before);
    expect((await restore("--confirm")).code).toBe(0);
    expect(readdirSync(directory).filter((name) => name.startsWith(".holdfast"))).toEqual([]);
  });

  test("--rebuild-from-source compiles, --no-media leaves the caches, --dry-run everything", async () => {
    onTestFinished(reset);
    rmSync(join(site.root, "clara_compiled"), { recursive: true });
    rmSync(join(site.root, "images"), { recursive: true });
    const before = stampOf(site.root);
    expect((await inPlace("--dry-run")).code).toBe(0);
    expect(stampOf(site.root)).toBe(before);
    expect((await inPlace("--rebuild-from-source", "--no-media")).code).toBe(0);
    expect(readdirSync(join(site.root, "clara_compiled")).toSorted()).toEqual(["1", "2", "3"]);
    expect(readFileSync(join(site.root, "clara_compiled/2/new.html"), "utf8")).toBe("compiled 2\n");
    expect(existsSync(join(site.root, "images"))).toBe(false);
  });

  test("the host's own secrets stay, and unknown secrets are listed", async () => {
    onTestFinished(reset);
    writeFileSync(join(site.root, "app/.env"), "DEBUG=True\nSECRET_KEY=the-new-host-has-its-own-key\nONLY_HERE=1\n");
    const { code, json } = await inPlace("--step", "infra");
    expect(code).toBe(0);
    expect(readFileSync(join(site.root, "app/.env"), "utf8")).toBe(
      "DEBUG=False\nSECRET_KEY=the-new-host-has-its-own-key\nONLY_HERE=1\n",
    );
    expect(readFileSync(join(site.root, "nginx.conf"), "utf8")).toContain("a-password-9Zx81");
    expect(messageOf(json, "summary")).toMatchObject({
      by_hand: [expect.stringContaining("nginx.conf: was kept")],
    });
    expect((await restore("--confirm")).code).toBe(0);
    rmSync(join(site.root, "app/.env"));
    const second = await inPlace("--step", "infra");
    expect(messageOf(second.json, "summary")).toMatchObject({
      by_hand: expect.arrayContaining([expect.stringContaining("fill in SECRET_KEY")]) as unknown,
    });
    expect(statSync(join(site.root, "app/.env")).mode & 0o777).toBe(0o600);
  });

  test("is not done without being confirmed: exit 2, and nothing is changed", async () => {
    const before = stampOf(site.root);
    const { code, json } = await restore("--in-place");
    expect({ code, error: messageOf(json, "exit_error") }).toEqual({
      code: 2,
      error: expect.objectContaining({ error_code: "E_CONFIRM" }) as unknown,
    });
    expect(stampOf(site.root)).toBe(before);
    expect((await restore()).code).toBe(2);
    expect((await restore("--in-place", "--to", "/tmp/x")).code).toBe(2);
    expect((await inPlace("--unit", "no such unit")).code).toBe(2);
    expect((await inPlace("--no-safety")).code).toBe(2);
  });

  test("a damaged artifact is exit 13, and nothing is changed", async () => {
    const zip = join(run.path, "source_exports/2/source.zip");
    const whole = readFileSync(zip);
    const spoilt = Buffer.from(whole);
    spoilt[60] = (spoilt[60] ?? 0) ^ 1;
    const before = stampOf(site.root);
    writeFileSync(zip, spoilt);
    try {
      const { code, stderr } = await inPlace();
      expect({ code, stderr }).toEqual({
        code: 13,
        stderr: expect.stringContaining("source_exports/2/source.zip") as string,
      });
      expect((await restore("--to", join(directory, "never"))).code).toBe(13);
    } finally {
      writeFileSync(zip, whole);
    }
    expect(stampOf(site.root)).toBe(before);
    expect(existsSync(join(directory, "never"))).toBe(false);
  });

  test("a run that puts a tree outside of the place it is restored to is exit 13, however well its sums agree", async () => {
    const file = join(run.path, "legacy_zips/Old_book/metadata.json");
    const sums = join(run.path, "SHA256SUMS");
    const [sound, recorded] = [readFileSync(file, "utf8"), readFileSync(sums, "utf8")];
    const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
    try {
      for (const place of ["../escaped", "images/../../../escaped", "./.", "a//b"]) {
        const forged = sound.replace('"lara_legacy/Old_book"', JSON.stringify(place));
        expect(forged).not.toBe(sound);
        writeFileSync(file, forged);
        writeFileSync(sums, recorded.replace(digest(sound), digest(forged)));
        const { code, stderr } = await restore("--to", join(directory, "never/deep"), "--step", "legacy_zips");
        expect({ code, stderr }).toEqual({
          code: 13,
          stderr: expect.stringContaining("which is not a valid path") as string,
        });
      }
    } finally {
      writeFileSync(file, sound);
      writeFileSync(sums, recorded);
    }
    expect(existsSync(join(directory, "never"))).toBe(false);
  });

  test("SQLite with a WAL that a killed writer has left is replaced whole", async () => {
    onTestFinished(reset);
    const writer = "pragma journal_mode=wal; create table more(x); insert into more values (1);";
    const killed = 'sqlite3 "$1" < <(echo "$2"; sleep 5) >/dev/null & sleep 0.5; kill -9 $!; true';
    spawnSync("bash", ["-c", killed, "-", site.database, writer]);
    expect(statSync(`${site.database}-wal`).size).toBeGreaterThan(0);
    expect((await inPlace("--step", "db")).code).toBe(0);
    compareDatabases(original(), site.root);
  });
});

describe("disks and mounts", () => {
  const mounted = (where: string, size: string): void => {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", where]);
    onTestFinished(() => void execFileSync("umount", [where]));
  };

  test("a disk that is too small is exit 1 before anything is unpacked", async () => {
    const small = tempDirectory();
    mounted(small, "1m");
    expect(await restore("--to", join(small, "to"))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/needs .* to unpack to, but has/) as string,
    });
    expect(readdirSync(small)).toEqual([]);
  });

  test("a disk that fills up while it is unpacked: exit 1, and nothing is left behind", async () => {
    const small = tempDirectory();
    mounted(small, "200m,nr_inodes=150"); // room for the bytes, and not for the files
    const { code, json } = await restore("--to", join(small, "to"));
    expect({ code, error: messageOf(json, "exit_error") }).toEqual({
      code: 1,
      error: expect.objectContaining({ error_code: "E_NO_SPACE" }) as unknown,
    });
    expect(readdirSync(small)).toEqual([]);
  });

  test("each disk is asked for what is to come on it, and nothing is changed where one is too small", async () => {
    onTestFinished(reset);
    const disk = tempDirectory();
    mounted(disk, "500k");
    rmSync(join(site.root, "images"), { recursive: true });
    mkdirSync(join(disk, "images"));
    symlinkSync(join(disk, "images"), join(site.root, "images"));
    const before = stampOf(join(site.root, "clara_content"));
    const { code, json } = await inPlace();
    expect({ code, error: messageOf(json, "exit_error") }).toEqual({
      code: 1,
      error: expect.objectContaining({
        error_code: "E_NO_SPACE",
        message: expect.stringContaining(disk) as string,
      }) as unknown,
    });
    expect(stampOf(join(site.root, "clara_content"))).toBe(before);
  });

  test("a mount point is refused, and nothing is changed", async () => {
    const images = join(site.root, "images");
    renameSync(images, `${images}.aside`);
    mkdirSync(images);
    onTestFinished(() => {
      rmSync(images, { recursive: true });
      renameSync(`${images}.aside`, images);
    });
    mounted(images, "1m");
    const before = stampOf(join(site.root, "clara_content"));
    const { code, json } = await inPlace();
    expect({ code, error: messageOf(json, "exit_error") }).toEqual({
      code: 1,
      error: expect.objectContaining({ error_code: "E_TARGET" }) as unknown,
    });
    expect(stampOf(join(site.root, "clara_content"))).toBe(before);
  });
});

test("killed at many instants: wholly old, or, recovered, wholly new", async () => {
  onTestFinished(reset);
  rmSync(join(site.root, "images"), { recursive: true });
  for (const project of [1, 2, 3]) site.write(`clara_content/Project_${project}/texts/text 1.txt`, "spoilt");
  site.sql("delete from clara_app_claraproject where id = 2");
  const old = join(directory, "old");
  onTestFinished(() => removeTree(old));
  execFileSync("cp", ["-a", site.root, old]);
  const rows = (): string =>
    execFileSync("sqlite3", [site.database, "select count(*) from clara_app_claraproject"]).toString().trim();
  const text = (project: number): string =>
    readFileSync(join(site.root, `clara_content/Project_${project}/texts/text 1.txt`), "utf8");
  const state = (): string =>
    JSON.stringify([
      rows(),
      ...[1, 2, 3].map((one) => text(one) === "spoilt"),
      existsSync(join(site.root, "images/odd")),
    ]);
  const [isOld, isNew] = [state(), JSON.stringify(["3", false, false, false, true])];
  // A process, as those that are killed: it takes longer than the same command in the test's own.
  const restoring = (): StartedScript => startBuilt("restore", [...flags(), "--run", run.run, "--in-place", "--yes"]);
  const started = Date.now();
  expect((await restoring().done).code).toBe(0);
  const lasts = Date.now() - started;
  expect(state()).toBe(isNew);
  expect((await restore("--rollback")).code).toBe(0);
  expect(state()).toBe(isOld);
  const ends = new Set<string>();
  for (let part = 4; part <= 30; part++) {
    const { child, done } = restoring();
    await sleep((lasts * part) / 30);
    child.kill("SIGKILL");
    await done;
    const last = readdirSync(join(site.dest, "restores")).toSorted().at(-1) ?? "";
    const record = (): { phase: string; swap: string; restore: string } => readJson(join(site.dest, "restores", last));
    const { phase, swap } = record();
    if (!["completed", "failed", "rolled_back"].includes(phase)) {
      const recovered = await restore("--recover");
      expect(recovered.code, `${phase} ${swap}: ${recovered.stderr}`).toBe(0);
    }
    const after = record().phase;
    ends.add(`${swap} → ${after}`);
    expect(state(), `${phase} ${swap} → ${after}`).toBe(after === "completed" ? isNew : isOld);
    if (after === "completed") expect((await restore("--rollback")).code).toBe(0);
    expect(readdirSync(directory).filter((name) => name.startsWith(".holdfast"))).toEqual([]);
    expect(readdirSync(site.root).filter((name) => name.startsWith(".holdfast"))).toEqual([]);
  }
  expect(ends.size).toBeGreaterThan(1);
});
