import { execFileSync } from "node:child_process";
import { globSync } from "fast-glob";
import { existsSync, lstatSync, readFileSync, writeFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../../../lib/config/load.ts";
import { makeDemoSite, type DemoSite } from "../../../../lib/cli/backup/demo-site.ts";
import { uncoveredBy } from "../../../support/coverage.ts";
import { suiteDirectory, tempDirectory } from "../../../support/temp.ts";
import { openDatabase } from "../../../support/sqlite.ts";
import { firstValue } from "../../../../lib/sqlite/query.ts";

/** The passwords, keys and tokens of the site, all made up. */
const SECRETS = {
  djangoKey: "HQY7gd32h2GVPLz4XO2ifTLY40OOCIzxqlfyd06vkyMDcEvesR",
  databasePassword: "CdydorXHH92OAbxVDNxT",
  mailPassword: "OIVO5JGnZ90Uoi6n",
  openAiKey: "sk-proj-9zIxe1yPxHsGMUEIfxwUeLoh5ZXg5eOvxekEbEGxqVrGA1DC",
  googleKey: "AIzaCcAP8r1ibC27ahxC7qU8Gv0HRvYlyCj8nUj",
  awsKey: "nV47YchUJSlmjoLEC9vezCmdyTgZ5NgS3z5ffq6k",
  gitToken: "ghp_fMACDCBSZrRy7XuEDcbDxwVFahTePRindYv9",
  proxyToken: "c3d69ba00447e819e3fa0b3b969c1131",
  cronPassword: "PTKYdXXK5LxD6x3sSB",
  sentryKey: "d06f73ad5d972259a57af8fd1f0e4618",
  tlsKey: "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ9rul",
};

const directory = suiteDirectory();
let site: DemoSite;

beforeAll(async () => {
  site = await makeDemoSite(join(directory, "demo"));
});

const inSite = (path: string): string => join(site.root, path);

function rows(database: string, sql: string): Record<string, unknown>[] {
  const said = execFileSync("sqlite3", ["-readonly", "-json", inSite(database), sql], { encoding: "utf8" });
  return said === "" ? [] : (JSON.parse(said) as Record<string, unknown>[]);
}

describe("the demo site", () => {
  test("has a config that the loader accepts without a warning", () => {
    const config = loadConfig(site.config, {});
    expect(config.root).toBe(site.root);
    expect(config.warnings).toEqual([]);
  });

  test("holds every file that its config names", () => {
    const config = loadConfig(site.config, {});
    const { infra, audio_cache: audio, snapshots } = config;
    const named = [
      infra?.repo,
      infra?.env,
      infra?.settings,
      infra?.nginx,
      infra?.systemd,
      infra?.crontabs,
      infra?.tls,
      audio?.path,
      audio?.databases,
      snapshots?.media,
    ];
    for (const path of named.flat()) expect(existsSync(inSite(path ?? "?")), path).toBe(true);
  });

  test("has a directory for every row, one directory without a row, and one project that is not compiled", () => {
    const projects = rows("db.sqlite3", "select id, internal_id from clara_app_claraproject");
    expect(projects).toHaveLength(8);
    const directories = readdirSync(inSite("clara_content"));
    const named = projects.map((project) => String(project["internal_id"]));
    expect(directories.filter((name) => !named.includes(name))).toEqual(["Abandoned_experiment_0"]);
    expect(named.filter((name) => !directories.includes(name))).toEqual([]);
    const compiled = readdirSync(inSite("clara_compiled"));
    expect(projects.filter((project) => !compiled.includes(String(project["id"])))).toHaveLength(1);
  });

  test("is covered by its config to the last file", async () => {
    expect(await uncoveredBy(loadConfig(site.config, {}), join(directory, "store"))).toEqual([]);
  });

  test("refers to media by the live URLs, in many places of a page, and every one is there", () => {
    const pages = globSync("clara_compiled*/**/*.{html,css}", { cwd: site.root });
    const contexts = new Set<string>();
    const wanted = new Set<string>();
    for (const page of pages) {
      const text = readFileSync(inSite(page), "utf8");
      for (const [, context = "", url = ""] of text.matchAll(
        /([\w-]+=|url\(|play\(|[1x,] |[[,])["']?(\/accounts\/(?:serve_audio|projects)[^"')\s]+)/g,
      )) {
        contexts.add(context);
        wanted.add(decodeURIComponent(url));
      }
    }
    for (const context of ["src=", "srcset=", "data-audio=", "data-segment-audio=", "url(", "play(", "["])
      expect([...contexts]).toContain(context);
    expect(wanted.size).toBeGreaterThan(200);
    for (const url of wanted) {
      const path = url
        .replace("/accounts/serve_audio_file/", "audio/tts_repository_orm/")
        .replace("/accounts/projects/serve_project_image/", "images/image_repository_orm/");
      expect(existsSync(inSite(path)), url).toBe(true);
    }
  });

  test("links the text types of a project to each other", () => {
    expect(readFileSync(inSite("clara_compiled/12/page_1.html"), "utf8")).toContain(
      'href="/accounts/rendered_texts/12/phonetic/page_1.html"',
    );
    expect(readFileSync(inSite("clara_compiled_phonetic/12/page_2.html"), "utf8")).toContain(
      'href="/accounts/rendered_texts/12/normal/page_2.html"',
    );
  });

  test("has pictures and sounds that programs can read", () => {
    const png = readFileSync(inSite("clara_content/Un_matin_au_marché_12/images/cover.png"));
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([240, 160]);
    const mp3 = readFileSync(inSite("audio/tts_repository/google/french/default/merci.mp3"));
    expect(mp3.subarray(0, 3).toString()).toBe("ID3");
    const frames = mp3.subarray(10 + mp3.readUInt8(9) + (mp3.readUInt8(8) << 7));
    expect(frames.length % 96).toBe(0);
    for (let at = 0; at < frames.length; at += 96) expect(frames.readUInt32BE(at)).toBe(0xfff344c0);
  });

  test("keeps live databases: rows that are only in the WAL, after the program that wrote them has ended", () => {
    for (const path of [
      "audio/tts_metadata.db",
      "audio/tts_metadata_local.db",
      "images/image_metadata.db",
      "phonetic_lexicon/phonetic_lexicon_metadata.db",
    ]) {
      expect(statSync(inSite(`${path}-wal`)).size, path).toBeGreaterThan(0);
      const [table] = rows(path, "select name from sqlite_master where type = 'table'");
      const all = rows(path, `select count(*) as n from ${String(table?.["name"])}`)[0]?.["n"];
      const alone = join(tempDirectory(), "alone.db"); // the file by itself, its WAL mode reset
      writeFileSync(alone, readFileSync(inSite(path)).fill(1, 18, 20));
      const without = firstValue(openDatabase(alone), `select count(*) from ${String(table?.["name"])}`);
      expect(all, path).toBe(Number(without) + 3);
    }
    expect(rows("audio/tts_metadata.db", "select count(*) as n from metadata")[0]?.["n"]).toBe(
      globSync("audio/tts_repository_orm/**/*.mp3", { cwd: site.root }).length,
    );
  });

  test("has a clean application repository with secrets in its files and its remote", () => {
    const git = (...args: string[]): string =>
      execFileSync("git", ["-c", "safe.directory=*", "-C", inSite("app"), ...args], { encoding: "utf8" });
    expect(git("status", "--short")).toBe("");
    expect(git("branch", "--remotes", "--contains", "HEAD").trim()).toBe("origin/main");
    expect(git("describe").trim()).toBe("v2.4.1");
    const files = globSync("app/**", { cwd: site.root, dot: true });
    const text = files.map((file) => readFileSync(inSite(file), "utf8")).join("\n");
    for (const [name, secret] of Object.entries(SECRETS)) expect(text.includes(secret), name).toBe(true);
    expect(git("log", "-p").includes(SECRETS.djangoKey)).toBe(false);
  });

  test("has names that are no trouble to look at and some that are to handle", () => {
    const paths = globSync("clara_content/**", { cwd: site.root, onlyFiles: false, followSymbolicLinks: false }).map(
      (path) => ({ path, stat: lstatSync(inSite(path)) }),
    );
    expect(paths.some(({ path }) => path.includes("🎉"))).toBe(true);
    expect(paths.some(({ path }) => Buffer.byteLength(path.split("/").at(-1) ?? "") > 200)).toBe(true);
    expect(paths.some(({ stat }) => stat.isSymbolicLink())).toBe(true);
    expect(paths.some(({ path, stat }) => stat.isDirectory() && readdirSync(inSite(path)).length === 0)).toBe(true);
    expect(statSync(inSite("lara_legacy/READ ME FIRST.txt")).isFile()).toBe(true);
  });
});

describe("makeDemoSite", () => {
  test("keeps the times of the files, and gives them to the user who asked", async () => {
    const again = await makeDemoSite(join(tempDirectory(), "another"));
    for (const path of globSync("**", { cwd: again.root, dot: true, ignore: ["**/*-shm", "app/.git/index"] })) {
      const stat = lstatSync(join(again.root, path));
      if (stat.isSymbolicLink()) continue;
      expect(stat.mtimeMs, path).toBe(lstatSync(inSite(path)).mtimeMs);
      expect(stat.mtimeMs, path).toBeLessThan(Date.parse("2026-06-30"));
      expect(stat.uid, path).toBe(process.getuid?.());
    }
  });

  test("never writes where something is", async () => {
    await expect(makeDemoSite(directory)).rejects.toMatchObject({ code: "E_USAGE" });
    expect(readdirSync(directory)).toEqual(["demo"]);
  });
});
