/** Settings that an export records and a check and an import compare: by the front door, over SQLite. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runInProcess } from "../../../support/commands/in-process.ts";
import type { RunResult } from "../../../support/commands/run.ts";
import { makeTemp, removeTree } from "../../../support/temp.ts";

const SECRETS = [
  "tr0ub4dor-and-3",
  "s3cr3t-k3y-0f-the-site",
  "hunter2",
  "internal-9931-value",
  "ghp_0123456789abcdefghij0123456789abcdef",
];

const SETTINGS = {
  DATABASES: { default: { ENGINE: "django.db.backends.sqlite3", NAME: "db.sqlite3", PASSWORD: SECRETS[0] } },
  SECRET_KEY: { value: SECRETS[1], description: "signs the sessions", source: "settings.py" },
  CACHE_URL: `redis://user:${SECRETS[2]}@cache:6379/0`,
  INTERNAL_CODE: SECRETS[3],
  DEPLOYED_WITH: SECRETS[4],
  MEDIA_ROOT: "/srv/media",
  AUTHENTICATION_BACKENDS: ["django.contrib.auth.backends.ModelBackend"],
  TIME_ZONE: { value: "Europe/Paris", description: "where the readers are" },
  PAGE_SIZE: 50,
  DEBUG: false,
  AUTH_PASSWORD_VALIDATORS: [{ NAME: "MinimumLengthValidator" }],
};

const sites: string[] = [];
afterAll(() => {
  for (const root of sites) removeTree(root);
});

/** A site with a database, a config and its settings. */
class Site {
  readonly root: string;
  readonly url: string;
  constructor(rows = "") {
    this.root = makeTemp("holdfast-settings-");
    sites.push(this.root);
    this.url = `sqlite:///${join(this.root, "db.sqlite3")}`;
    this.sql(`create table tag (id integer primary key autoincrement, name varchar(50) not null unique); ${rows}`);
    this.settings(SETTINGS);
  }
  sql(text: string): string {
    return execFileSync("sqlite3", [join(this.root, "db.sqlite3"), text], { encoding: "utf8" });
  }
  settings(value: object): void {
    writeFileSync(join(this.root, "settings.json"), JSON.stringify(value));
  }
  config(rules = "file: settings.json, secret: [INTERNAL_*]"): string {
    const file = join(this.root, "site.yaml");
    writeFileSync(
      file,
      `site: library\nroot: .\ndatabase: { url: "${this.url}" }\nportable: { settings: { ${rules} } }\n`,
    );
    return file;
  }
  async run(verb: string, ...flags: string[]): Promise<RunResult & { summary: Summary }> {
    const result = await runInProcess("portable", [verb, ...flags, "--config", join(this.root, "site.yaml"), "--json"]);
    return { ...result, summary: (result.json.at(-1) ?? {}) as Summary };
  }
  count(): string {
    return this.sql("select count(*) from tag").trim();
  }
}

interface Difference {
  readonly name: string;
  readonly change: string;
  readonly severity: string;
  readonly impact: string;
}
interface Summary {
  readonly status: string;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly configuration: {
    readonly not_compared: string | null;
    readonly counts: Record<string, number>;
    readonly differences: readonly Difference[];
  };
}
type Recorded = Record<
  string,
  { value: unknown; type: string; source: string; description: string | null; present?: boolean }
>;

const origin = { site: undefined as unknown as Site, output: "" };
beforeAll(async () => {
  origin.site = new Site("insert into tag (name) values ('one'), ('two')");
  origin.site.config();
  origin.output = join(origin.site.root, "out");
  const { code, stderr } = await origin.site.run("export", "-o", origin.output, "--no-timestamp");
  if (code !== 0) throw new Error(stderr);
});
const recorded = (at = origin.output): Recorded =>
  (JSON.parse(readFileSync(join(at, "settings.json"), "utf8")) as { settings: Recorded }).settings;

/** A target with settings like those of the origin, but for these. */
function target(changes: object, rules?: string): Site {
  const site = new Site();
  site.settings({ ...SETTINGS, ...changes });
  site.config(rules);
  return site;
}

describe("an export", () => {
  test("records each setting with its type, source and description, and no secret in any file", () => {
    expect(recorded()).toMatchObject({
      "DATABASES.default.ENGINE": {
        value: "django.db.backends.sqlite3",
        type: "string",
        source: "settings.json",
        description: null,
      },
      "DATABASES.default.PASSWORD": { value: null, type: "string", present: true },
      SECRET_KEY: { value: null, source: "settings.py", description: "signs the sessions", present: true },
      CACHE_URL: { value: "redis://user:***REDACTED***@cache:6379/0" },
      INTERNAL_CODE: { value: null, present: true },
      DEBUG: { value: false, type: "boolean" },
      PAGE_SIZE: { value: 50, type: "number" },
      AUTHENTICATION_BACKENDS: { value: ["django.contrib.auth.backends.ModelBackend"], type: "list" },
      "AUTH_PASSWORD_VALIDATORS.0.NAME": { value: "MinimumLengthValidator" },
      TIME_ZONE: { value: "Europe/Paris", description: "where the readers are" },
    });
    const files = readdirSync(origin.output, { recursive: true, encoding: "utf8" }).filter((one) =>
      one.endsWith(".json"),
    );
    const all = files.map((one) => readFileSync(join(origin.output, one), "utf8")).join("");
    for (const secret of SECRETS) expect(all).not.toContain(secret);
  });

  test("has the checksum of its settings in the manifest: one changed letter, or a file that is gone, is refused, exit 13", async () => {
    const manifest = JSON.parse(readFileSync(join(origin.output, "manifest.json"), "utf8")) as Record<string, string>;
    const digest = createHash("sha256")
      .update(readFileSync(join(origin.output, "settings.json")))
      .digest("hex");
    expect(manifest["settings_sha256"]).toBe(digest);
    const copy = join(origin.site.root, "copy");
    const site = target({});
    const damages: ((file: string) => void)[] = [
      (file) => writeFileSync(file, readFileSync(file, "utf8").replace("Paris", "Perth")),
      (file) => rmSync(file),
      // Taking it out of the manifest as well shows in the checksum of all.
      (file) => {
        rmSync(file);
        writeFileSync(join(copy, "manifest.json"), JSON.stringify({ ...manifest, settings_sha256: undefined }));
      },
    ];
    for (const damage of damages) {
      rmSync(copy, { recursive: true, force: true });
      cpSync(origin.output, copy, { recursive: true });
      damage(join(copy, "settings.json"));
      expect((await site.run("import", copy)).code).toBe(13);
      expect(site.count()).toBe("0");
    }
  });

  test("takes the settings of a command, as KEY=value with what the comment above says", async () => {
    const site = new Site();
    const lines = [
      "# where uploads lie",
      "MEDIA_ROOT=/srv/up",
      "",
      `export DATABASE_URL="postgres://clara:${SECRETS[2]}@db/clara"`,
      `SECRET_KEY='${SECRETS[1]}'`,
      "EMPTY_TOKEN=",
      "API_KEY=${FROM_ELSEWHERE}",
    ];
    writeFileSync(join(site.root, "env"), lines.join("\n"));
    site.config("command: [cat, env]");
    const output = join(site.root, "out");
    expect((await site.run("export", "-o", output, "--no-timestamp")).code).toBe(0);
    expect(recorded(output)).toEqual({
      MEDIA_ROOT: { value: "/srv/up", type: "string", source: "cat env", description: "where uploads lie" },
      DATABASE_URL: expect.objectContaining({ value: "postgres://clara:***REDACTED***@db/clara" }) as unknown,
      "DATABASE_URL.scheme": expect.objectContaining({ value: "postgresql" }) as unknown,
      SECRET_KEY: expect.objectContaining({ value: null, present: true }) as unknown,
      EMPTY_TOKEN: expect.objectContaining({ value: null, present: false }) as unknown,
      API_KEY: expect.objectContaining({ value: "${FROM_ELSEWHERE}" }) as unknown,
    });
  });

  test.each([
    ["a command that fails", "command: [sh, -c, 'exit 3']"],
    ["a file that is not there", "file: nowhere.json"],
    ["nothing said", "command: ['true']"],
    ["no JSON", "file: broken.json"],
  ])(
    "is not made where the settings cannot be had: %s, exit 2, nothing left, nothing repeated",
    async (_what, rules) => {
      const site = new Site();
      writeFileSync(join(site.root, "broken.json"), `{"SECRET_KEY": "${SECRETS[1]}"`);
      site.config(rules);
      const { code, stdout, stderr } = await site.run("export", "-o", join(site.root, "out"), "--no-timestamp");
      expect(code).toBe(2);
      expect(stdout + stderr).not.toContain(SECRETS[1]);
      expect(existsSync(join(site.root, "out"))).toBe(false);
    },
  );

  test("keeps no password of --source-url", async () => {
    const output = join(origin.site.root, "named");
    await origin.site.run(
      "export",
      "-o",
      output,
      "--no-timestamp",
      "--source-url",
      `https://ann:${SECRETS[2]}@portal.example/`,
    );
    expect(readFileSync(join(output, "manifest.json"), "utf8")).not.toContain(SECRETS[2]);
  });
});

describe("a check", () => {
  test("of the same settings: compatible, exit 0, whatever the secrets are", async () => {
    const { code, summary } = await target({ SECRET_KEY: "another-secret-k3y-here" }).run("check", origin.output);
    expect({ code, status: summary.status, differences: summary.configuration.differences }).toEqual({
      code: 0,
      status: "COMPATIBLE",
      differences: [],
    });
  });

  test("of others tells what changed, what is missing here and there, how grave it is and what it means: exit 14", async () => {
    const site = target({
      DATABASES: { default: { ENGINE: "django.db.backends.postgresql", NAME: "db" } },
      SECRET_KEY: "",
      MEDIA_ROOT: "/data/media",
      AUTHENTICATION_BACKENDS: ["ldap.Backend"],
      TIME_ZONE: "UTC",
      PAGE_SIZE: "50",
      DEBUG: undefined,
      NEW_ONE: 1,
    });
    const { code, summary } = await site.run("check", origin.output);
    const found = summary.configuration.differences.map(
      ({ name, change, severity }) => `${severity} ${name} ${change}`,
    );
    expect({ code, status: summary.status, found }).toEqual({
      code: 14,
      status: "INCOMPATIBLE",
      found: [
        "critical AUTHENTICATION_BACKENDS changed",
        "critical DATABASES.default.ENGINE changed",
        "critical MEDIA_ROOT changed",
        "critical SECRET_KEY missing here",
        "warning DATABASES.default.PASSWORD missing here",
        "warning TIME_ZONE changed",
        "info DATABASES.default.NAME changed",
        "info DEBUG missing here",
        "info NEW_ONE missing there",
      ],
    });
    expect(summary.configuration.differences.find(({ name }) => name === "MEDIA_ROOT")?.impact).toContain("files");
    expect(summary.configuration.counts).toEqual({ critical: 4, warning: 2, info: 3 });
  });

  test("goes by the config's names: a warning is exit 3, what only informs exit 0", async () => {
    const rules = "file: settings.json, secret: [INTERNAL_*], critical: [], warning: [MEDIA_*]";
    const warned = await target({ MEDIA_ROOT: "/data" }, rules).run("check", origin.output);
    expect([warned.code, warned.summary.status]).toEqual([3, "COMPATIBLE_WITH_WARNINGS"]);
    const told = await target({ TIME_ZONE: "UTC" }, rules).run("check", origin.output);
    expect([told.code, told.summary.configuration.counts["info"]]).toEqual([0, 1]);
  });

  test("--ignore-config-diff tells all the same and forbids nothing; --config-diff-report writes it", async () => {
    const site = target({ MEDIA_ROOT: "/data" });
    const file = join(site.root, "reports.json");
    const flags = ["--ignore-config-diff", "--config-diff-report", file];
    expect((await site.run("check", origin.output, ...flags)).code).toBe(0);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
      ignored: true,
      counts: { critical: 1, warning: 0, info: 0 },
      differences: [{ name: "MEDIA_ROOT", there: { value: "/srv/media" }, here: { value: "/data" } }],
    });
  });

  test("prints the report in its sections", async () => {
    const site = target({ MEDIA_ROOT: "/data" });
    const { code, stdout } = await runInProcess("portable", [
      "check",
      origin.output,
      "--config",
      join(site.root, "site.yaml"),
    ]);
    expect(code).toBe(14);
    const bar = "=".repeat(60);
    const titles = stdout
      .split("\n")
      .flatMap((line, at, all) => (all[at - 1] === bar && all[at + 1] === bar ? [line] : []));
    expect(titles).toEqual([
      "EXPORT INFORMATION",
      "CURRENT INSTANCE",
      "COMPATIBILITY CHECK",
      "CONFIGURATION",
      "DATA SUMMARY",
      "RECOMMENDATION",
    ]);
    expect(stdout).toMatch(/^Export Version: +1\.0\.0$/m);
    expect(stdout).toMatch(/^Status: INCOMPATIBLE$/m);
    expect(stdout).toMatch(/critical MEDIA_ROOT differs: "\/srv\/media" in the export, "\/data" here\n.*files/);
    expect(stdout).toMatch(/^ {2}tag +2 records$/m);
    expect(stdout).toMatch(/^ {2}TOTAL +2 records$/m);
  });

  test("an export of another major version is reported, and not imported: exit 14 both", async () => {
    const copy = join(origin.site.root, "future");
    cpSync(origin.output, copy, { recursive: true });
    const manifest = join(copy, "manifest.json");
    const of = (version: string): void =>
      writeFileSync(
        manifest,
        readFileSync(manifest, "utf8").replace(/"export_version": ".*?"/, `"export_version": "${version}"`),
      );
    const site = target({});
    of("2.0.0");
    expect(await site.run("check", copy)).toMatchObject({ code: 14, summary: { status: "INCOMPATIBLE" } });
    expect((await site.run("import", copy)).code).toBe(14);
    of("1.4.0");
    expect(await site.run("check", copy)).toMatchObject({ code: 3, summary: { status: "COMPATIBLE_WITH_WARNINGS" } });
    expect(site.count()).toBe("0");
    expect((await site.run("import", copy, "--force")).code).toBe(0);
  });
});

describe("an import", () => {
  test("is refused where settings that matter differ, nothing is written but the report; --force does not help, --ignore-config-diff does", async () => {
    const site = target({ MEDIA_ROOT: "/data" });
    const file = join(site.root, "diff.json");
    for (const more of [[], ["--force"], ["--dry-run"]]) {
      const { code, stderr } = await site.run("import", origin.output, "--config-diff-report", file, ...more);
      expect({ code, stderr }).toEqual({
        code: 14,
        stderr: expect.stringMatching(/MEDIA_ROOT[^]*--ignore-config-diff/) as string,
      });
      expect(site.count()).toBe("0");
    }
    expect(existsSync(file)).toBe(true);
    expect((await site.run("import", origin.output, "--ignore-config-diff")).code).toBe(0);
    expect(site.count()).toBe("2");
  });

  test("wants --force for warnings", async () => {
    const site = target({ TIME_ZONE: "UTC" });
    expect((await site.run("import", origin.output)).code).toBe(14);
    expect((await site.run("import", origin.output, "--force")).code).toBe(0);
  });

  test("without settings on one side compares nothing, says so, and a report of nothing is an error", async () => {
    const site = target({});
    const args = [origin.output, "--database", site.url, "--json"];
    const check = await runInProcess("portable", ["check", ...args]);
    expect(check.code).toBe(0);
    expect((check.json.at(-1) as Summary).configuration.not_compared).toContain("portable.settings");
    const file = join(site.root, "none.json");
    expect((await runInProcess("portable", ["check", ...args, "--config-diff-report", file])).code).toBe(2);
    expect(existsSync(file)).toBe(false);
  });
});

test("flags that have no meaning for a verb are errors", async () => {
  const site = target({});
  mkdirSync(join(site.root, "x"));
  for (const [verb, ...flags] of [
    ["export", "--ignore-config-diff"],
    ["plan", "--config-diff-report", "x.json"],
    ["verify", origin.output, "--ignore-config-diff"],
    ["check", origin.output, "--force"],
  ] as const)
    expect((await site.run(verb, ...flags)).code).toBe(2);
});
