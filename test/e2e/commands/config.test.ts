/** `config check` names each problem with its line; `config show` shows what commands use, and no secret. */
import { chmodSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { loadConfig } from "../../../lib/config/load.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { runBuilt } from "../../support/runs/backup.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { tempDirectory } from "../../support/temp.ts";

/** A site whose config is this text; the root is `site`, beside it. */
function siteWith(lines: readonly string[]): TestSite {
  const directory = tempDirectory();
  chmodSync(directory, 0o755);
  const site = makeSite(directory, { projects: 1 });
  writeFileSync(site.config, `${lines.join("\n")}\n`);
  return site;
}

const START = ["site: test", "root: site"];

describe("config check", () => {
  const check = async ({ config }: TestSite, ...args: readonly string[]) =>
    await runInProcess("config", ["check", config, ...args]);
  const problemsOf = async (...lines: readonly string[]): Promise<string[]> => {
    const site = siteWith([...START, ...lines]);
    const { code, stdout } = await check(site);
    expect(code).toBe(2);
    return stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.replaceAll(`${path.dirname(site.config)}/`, ""));
  };

  test("of a config that is valid: exit 0, one line; nothing with --quiet", async () => {
    const site = siteWith([...START, "trees: [images]"]);
    expect(await check(site)).toMatchObject({ code: 0, stdout: `✓ ${site.config} is valid\n`, stderr: "" });
    expect(await check(site, "--quiet")).toMatchObject({ code: 0, stdout: "" });
    expect((await check(site, "--json")).json).toEqual([
      { message_type: "summary", file: site.config, ok: true, error_count: 0, problems: [] },
    ]);
    expect((await runInProcess("config", ["check", "--config", site.config])).code).toBe(0);
  });

  test("all keys that the schema does not know, and values that it does not take", async () => {
    expect(
      await problemsOf(
        "tres: [images]",
        "audio_cache:",
        "  path: audio",
        "  shard_size: 5",
        "trees:",
        "  - images",
        "  - path: templates",
        "    shard_size_mb: 0",
        "rehash_every: never",
      ),
    ).toEqual([
      "site.yaml:3: error: tres is not a known key; did you mean trees?",
      "site.yaml:6: error: audio_cache.shard_size is not a known key; did you mean shard_size_mb?",
      "site.yaml:10: error: trees.1.shard_size_mb: Too small: expected number to be >=1",
      expect.stringMatching(/^site\.yaml:11: error: rehash_every: /),
    ]);
  });

  test("YAML that cannot be parsed, aliases, and variables that are not set", async () => {
    expect(await problemsOf("trees: [images", "legacy: x")).toEqual([
      expect.stringMatching(/^site\.yaml:[345]: error: /),
    ]);
    expect(await problemsOf("trees: &a [images]", "roots: *a")).toEqual([
      "site.yaml:4: error: aliases are not supported; write the value out",
    ]);
    expect(await problemsOf("trees:", "  - images", "  - ${UNSET_ONE}", 'lock_file: "${UNSET_TWO}"')).toEqual([
      "site.yaml:5: error: the environment variable UNSET_ONE is not set (set UNSET_ONE, or write ${UNSET_ONE:-default} in the config)",
      "site.yaml:6: error: the environment variable UNSET_TWO is not set (set UNSET_TWO, or write ${UNSET_TWO:-default} in the config)",
    ]);
  });

  test("paths that two keys take, names that two trees have, and a store in a tree", async () => {
    expect(
      await problemsOf(
        "dest: site/images/store",
        "trees:",
        "  - images",
        "  - images/",
        "  - { path: templates, name: IMAGES }",
        "legacy: { path: lara_legacy }",
        'projects: { glob: "lara_legacy/*", source: { path: "lara_legacy/{id}" } }',
      ),
    ).toEqual([
      "site.yaml:3: error: the store (dest) site/images/store lies inside site/images, which trees[0] takes (move the store out of the site: a restore in place would move it aside)",
      "site.yaml:6: error: trees[0] and trees[1] both take site/images (leave it to one of them: every path belongs to one unit)",
      "site.yaml:6: error: trees[0] and trees[1] are both called images (give one of them a name of its own)",
      "site.yaml:7: error: trees[0] and trees[2] are both called IMAGES (give one of them a name of its own)",
      "site.yaml:9: error: legacy.path and projects.source.path both take the directories in site/lara_legacy (leave them to one of the two: every path belongs to one unit)",
    ]);
  });

  test("paths that do not exist, files of secrets among them", async () => {
    expect(
      await problemsOf(
        "dest: none/deep/store",
        "roots: [gone]",
        "database:",
        "  url: sqlite:///gone.db",
        "  password_file: gone.password",
        "snapshots:",
        "  media:",
        "    - images",
        "    - gone.tree",
        "infra: { env: [gone.env], nginx: [/etc/none/*.conf] }",
      ),
    ).toEqual([
      "site.yaml:3: error: dest: none/deep does not exist",
      "site.yaml:4: error: roots[0]: site/gone does not exist",
      "site.yaml:6: error: database.url: site/gone.db does not exist",
      "site.yaml:7: error: database[0].password_file: site/gone.password does not exist",
      "site.yaml:11: error: snapshots.media[1]: site/gone.tree does not exist",
      "site.yaml:12: error: infra.env[0]: site/gone.env does not exist",
    ]);
  });

  test("files of secrets that this user cannot read", async () => {
    const site = siteWith([...START, "database: { url: sqlite:///db.sqlite3, password_file: ../password }"]);
    const secret = path.join(path.dirname(site.config), "password");
    writeFileSync(secret, "planted", { mode: 0o600 });
    expect((await check(site)).code).toBe(0);
    const { code, stdout } = await runBuilt("config", ["check", site.config], { user: "nobody" });
    expect([code, stdout]).toEqual([
      2,
      `${site.config}:3: error: database[0].password_file: ${secret} cannot be read by this user\n`,
    ]);
  });

  test("a password in a URL is a warning, which names the line and not the password", async () => {
    const site = siteWith([...START, "database:", "  url: postgresql://clara:planted@localhost/clara"]);
    const { code, stdout } = await check(site);
    expect([code, stdout]).toEqual([
      0,
      `${site.config}:4: warning: database.url holds a password; use password_file or password_command\n✓ ${site.config} is valid, 1 warning\n`,
    ]);
    expect((await check(site, "--json")).json).toMatchObject([
      { ok: true, error_count: 0, problems: [{ level: "warning", key: "database.url", line: 4 }] },
    ]);
  });

  test("a file that does not exist, and names that would control a terminal", async () => {
    expect((await runInProcess("config", ["check", "/none/site.yaml"])).code).toBe(2);
    const found = await problemsOf('"a\\e[31m\\nb": 1');
    expect(found).toEqual(["site.yaml:3: error: a\\x1b[31m\\nb is not a known key"]);
  });
});

describe("config show", () => {
  const SECRETS = [
    'dest: "${STORE:-elsewhere}"',
    "database:",
    "  - url: ${DATABASE_URL}",
    "    password_command: [pass, --token, planted2, show]",
    "  - { url: 'mysql://clara:planted3@localhost/other', password_file: /etc/holdfast/password }",
    "hooks:",
    "  before: [notify, '${SLACK_TOKEN}']",
    "  after: [notify, 'Bearer ${API_KEY:-planted5}', '--retry=3']",
    "  on_error: [sh, -c, 'PGPASSWORD=planted6 psql']",
    "health: { smoke: [curl, -u, 'anna:planted7', 'https://example.org/?token=planted8'] }",
    "retention: { keep_last: unlimited, keep_within: 1y5m }",
    "# the old one: postgresql://clara:planted9@localhost/clara",
  ];
  const ENV = {
    DATABASE_URL: "postgresql://clara:planted1@localhost/clara",
    SLACK_TOKEN: "planted4",
    STORE: "/srv/store",
  };

  test("shows defaults, variables and paths, and none of the planted secrets", async () => {
    const site = siteWith([...START, ...SECRETS]);
    const { code, stdout } = await runInProcess("config", ["show", site.config], { env: ENV });
    expect(code).toBe(0);
    expect(stdout).not.toContain("planted");
    expect(parse(stdout)).toMatchObject({
      root: site.root,
      dest: "/srv/store",
      compression_level: 3,
      database: [
        { url: "postgresql://clara:***REDACTED***@localhost/clara", digests: false },
        { password_file: "/etc/holdfast/password" },
      ],
      hooks: { before: ["notify", "***REDACTED***"], after: ["notify", "Bearer ***REDACTED***", "--retry=3"] },
      retention: { keep_last: "unlimited", keep_within: "1y5m", after_backup: false },
      permissions: { directory_mode: "0750", file_mode: "0640" },
    });
    const json = await runInProcess("config", ["show", "--config", site.config, "--json"], { env: ENV });
    expect(json.stdout).not.toContain("planted");
    expect(json.json).toEqual([{ message_type: "summary", file: site.config, config: parse(stdout) as unknown }]);
  });

  test("is a config of the same meaning", async () => {
    const site = makeSite(tempDirectory(), {
      projects: 1,
      config: { retention: "retention: { keep_within: 7d, max_runs: unlimited, keep_daily: 3 }" },
    });
    const { stdout } = await runInProcess("config", ["show", "--config", site.config]);
    const shown = path.join(tempDirectory(), "shown.yaml");
    writeFileSync(shown, stdout);
    const settings = (file: string): object => ({ ...loadConfig(file, {}), file: "", text: "" });
    expect(settings(shown)).toEqual(settings(site.config));
  });

  test("of a config that is not valid: exit 2", async () => {
    expect((await runInProcess("config", ["show", siteWith(["site: test"]).config])).code).toBe(2);
  });

  test("shows the store of --dest", async () => {
    const site = siteWith(START);
    const { stdout } = await runInProcess("config", ["show", site.config, "--dest", "/srv/other"]);
    expect(parse(stdout)).toMatchObject({ dest: "/srv/other" });
  });
});
