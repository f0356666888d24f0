/** The metrics of a site, the rules and the dashboard that use them; promtool judges. */
import { execFileSync, spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { formatMetrics, METRICS } from "../../../lib/ops/metrics/names.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { PROJECT, type RunResult } from "../../support/commands/run.ts";
import { makeRun, makeStore } from "../../support/runs/stores.ts";
import { tempDirectory } from "../../support/temp.ts";

const RULES = join(PROJECT, "config/prometheus/alerts.yml");

/** What promtool says of a text; nothing when it is well-formed and follows its naming rules. */
function promtool(args: readonly string[], input = ""): string {
  const { status, stdout, stderr } = spawnSync("promtool", args, { encoding: "utf8", input });
  return status === 0 ? "" : `${stdout}${stderr}` || `exit status ${status}`;
}

let directory: string;
let metrics: string;
let config: string;

beforeEach(() => {
  directory = tempDirectory();
  metrics = join(directory, "metrics");
  config = join(directory, "site.yaml");
  mkdirSync(join(directory, "site"));
  writeFileSync(join(directory, "site/file"), "content");
  mkdirSync(metrics);
  configure();
});

function configure(more: object = {}): void {
  const dest = join(directory, "store");
  const settings = { site: "test", root: "site", dest, trees: ["."], metrics: { textfile: metrics }, ...more };
  writeFileSync(config, stringify(settings));
}

const run = async (name: string, ...args: readonly string[]): Promise<RunResult> =>
  await runInProcess(name, ["--config", config, ...args], { env: { XDG_STATE_HOME: join(directory, "state") } });

const written = (): string => readFileSync(join(metrics, "holdfast_test.prom"), "utf8");

/** The value of each series. */
const valuesOf = (text: string): Record<string, number> =>
  Object.fromEntries(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );

describe("the textfile", () => {
  test("has all that is known after a backup and a drill, and promtool accepts it", async () => {
    const started = Date.now() / 1000;
    expect((await run("backup_all")).code).toBe(0);
    expect(readdirSync(metrics)).toEqual(["holdfast_test.prom"]);
    expect(lstatSync(join(metrics, "holdfast_test.prom")).mode & 0o7777).toBe(0o644);
    expect(promtool(["check", "metrics"], written())).toBe("");
    const first = valuesOf(written());
    expect(Object.keys(first).toSorted()).toEqual([
      'holdfast_last_good_timestamp_seconds{site="test"}',
      'holdfast_last_success_timestamp_seconds{site="test"}',
      'holdfast_proof_coverage_ratio{site="test"}',
      'holdfast_run_anomalies{site="test",level="alarm"}',
      'holdfast_run_anomalies{site="test",level="notice"}',
      'holdfast_run_bytes{site="test",kind="reused"}',
      'holdfast_run_bytes{site="test",kind="size"}',
      'holdfast_run_bytes{site="test",kind="written"}',
      'holdfast_run_duration_seconds{site="test",step="trees"}',
      'holdfast_run_failures{site="test",step="trees"}',
      'holdfast_run_units{site="test"}',
      'holdfast_store_free_bytes{site="test"}',
    ]);
    expect(first['holdfast_last_success_timestamp_seconds{site="test"}']).toBeGreaterThanOrEqual(Math.floor(started));
    expect(first['holdfast_last_success_timestamp_seconds{site="test"}']).toBeLessThanOrEqual(Date.now() / 1000);
    expect(first['holdfast_run_units{site="test"}']).toBe(1);
    expect(first['holdfast_store_free_bytes{site="test"}']).toBeGreaterThan(0);

    expect((await run("drill")).code).toBe(0);
    expect(promtool(["check", "metrics"], written())).toBe("");
    const second = valuesOf(written());
    // No target is configured here.
    const known = Object.keys(METRICS).filter((name) => !name.startsWith("holdfast_target_"));
    expect(Object.keys(second).map((series) => series.replace(/\{.*/, ""))).toEqual(expect.arrayContaining(known));
    const age = second['holdfast_proof_age_seconds{site="test"}'] ?? Number.NaN;
    expect(age).toBeGreaterThanOrEqual(0);
    expect(age).toBeLessThan(60);
    expect(second['holdfast_rto_seconds{site="test"}']).toBeGreaterThan(0);
    expect(
      Date.now() / 1000 - (second['holdfast_last_drill_success_timestamp_seconds{site="test"}'] ?? 0),
    ).toBeLessThan(60);
  });

  test("keeps the last success when a backup is partial, and is written by watch and verify as well", async () => {
    expect((await run("backup_all")).code).toBe(0);
    const success = valuesOf(written())['holdfast_last_success_timestamp_seconds{site="test"}'];
    configure({ trees: [".", { name: "gone", path: "gone" }] });
    expect((await run("backup_all")).code).toBe(3);
    const values = valuesOf(written());
    expect(values['holdfast_run_failures{site="test",step="trees"}']).toBe(1);
    expect(values['holdfast_last_success_timestamp_seconds{site="test"}']).toBe(success);
    for (const command of ["watch", "verify"]) {
      execFileSync("rm", [join(metrics, "holdfast_test.prom")]);
      await run(command);
      expect(Object.keys(valuesOf(written())), command).toEqual(Object.keys(values));
    }
  });

  test("keeps the last good run while another has an open anomaly", async () => {
    const store = makeStore(join(directory, "store"));
    const anomaly = {
      level: "alarm",
      code: "empty",
      step: "trees",
      unit: "site",
      table: null,
      was: 9,
      now: 0,
      rule: "x",
    } as const;
    const notice = { ...anomaly, level: "notice" } as const;
    await makeRun(store, "20261101T020000Z", [{ directory: "trees/a" }], { finished_at: "2026-11-01T02:00:10.500Z" });
    const later = { finished_at: "2026-11-02T02:00:00.000Z", anomalies: [anomaly, notice, notice] };
    await makeRun(store, "20261102T020000Z", [{ directory: "trees/a" }], later);
    await run("watch");
    expect(valuesOf(written())).toMatchObject({
      'holdfast_last_good_timestamp_seconds{site="test"}': Date.UTC(2026, 10, 1, 2, 0, 10, 500) / 1000,
      'holdfast_last_success_timestamp_seconds{site="test"}': Date.UTC(2026, 10, 2, 2) / 1000,
      'holdfast_run_anomalies{site="test",level="alarm"}': 1,
      'holdfast_run_anomalies{site="test",level="notice"}': 2,
    });
  });

  test("is as complete as a damaged manifest allows", async () => {
    await run("backup_all");
    const series = Object.keys(valuesOf(written()));
    const file = join(directory, "store/latest/manifest.json");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.slice(0, text.indexOf('"steps": {') + 40));
    await run("watch");
    expect(Object.keys(valuesOf(written()))).toEqual(series.filter((name) => !name.includes("step=")));
  });

  test("of a site is never made from another site's store", async () => {
    await run("backup_all");
    configure({ site: "other" });
    const { code, stderr } = await run("verify");
    expect([code, stderr]).toEqual([2, expect.stringContaining("belongs to the site test")]);
    expect(readdirSync(metrics)).toEqual(["holdfast_test.prom"]);
  });

  test("replaces a link of its name and not the file behind it", async () => {
    const behind = join(directory, "behind");
    writeFileSync(behind, "kept");
    symlinkSync(behind, join(metrics, "holdfast_test.prom"));
    expect((await run("backup_all")).code).toBe(0);
    expect(lstatSync(join(metrics, "holdfast_test.prom")).isFile()).toBe(true);
    expect(readFileSync(behind, "utf8")).toBe("kept");
  });

  test("that cannot be written is a warning and no failure, and leaves nothing behind", async () => {
    configure({ metrics: { textfile: "/none/of/that/name" } });
    const { code, stderr } = await run("backup_all");
    expect([code, stderr]).toEqual([0, expect.stringContaining("the metrics could not be written to /none/of")]);
    expect(readdirSync(metrics)).toEqual([]);
  });

  test("escapes labels", () => {
    const name = "holdfast_run_failures";
    const text = formatMetrics("test", [{ name, labels: { step: 'a"b\\c\nd' }, value: 1 }]);
    expect(promtool(["check", "metrics"], text)).toBe("");
    expect(text).toContain(String.raw`step="a\"b\\c\nd"`);
  });
});

describe("config/prometheus/alerts.yml", () => {
  test("is well-formed, and fires when it should", () => {
    expect(promtool(["check", "rules", RULES])).toBe("");
    const tests = readFileSync(new URL("rules.test.yml", import.meta.url), "utf8").replace("RULES", RULES);
    const file = join(directory, "tests.yml");
    writeFileSync(file, tests);
    expect(promtool(["test", "rules", file])).toBe("");
  });

  test("is tested rule by rule, and uses metrics that exist", () => {
    const names = [...readFileSync(RULES, "utf8").matchAll(/alert: (\w+)/g)].map(([, name]) => name);
    const tested = parse(readFileSync(new URL("rules.test.yml", import.meta.url), "utf8")) as {
      tests: { alert_rule_test: { alertname: string }[] }[];
    };
    const seen = new Set(tested.tests.flatMap((one) => one.alert_rule_test.map(({ alertname }) => alertname)));
    expect(names.filter((name) => !seen.has(name ?? ""))).toEqual([]);
    expect(unknownMetrics(readFileSync(RULES, "utf8"))).toEqual([]);
  });
});

describe("config/grafana/holdfast.json", () => {
  const text = readFileSync(join(PROJECT, "config/grafana/holdfast.json"), "utf8");
  const dashboard = JSON.parse(text) as {
    panels: {
      id: number;
      title: string;
      gridPos: { x: number; y: number; w: number; h: number };
      targets: { expr: string }[];
    }[];
  };

  test("uses metrics that exist, and all of them", () => {
    expect(unknownMetrics(text)).toEqual([]);
    const used = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join("\n");
    expect(Object.keys(METRICS).filter((name) => !used.includes(`${name}{`))).toEqual([]);
  });

  test("has queries that Prometheus can parse", () => {
    const exprs = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr.replaceAll("$site", ".*")));
    const rules = exprs.map((expr, index) => ({ record: `query:${index}`, expr }));
    const file = join(directory, "queries.yml");
    writeFileSync(file, stringify({ groups: [{ name: "dashboard", rules }] }));
    expect(promtool(["check", "rules", file])).toBe("");
    expect(exprs.length).toBeGreaterThan(0);
  });

  test("has panels of their own ids that do not overlap", () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)} ${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({ gridPos }) => gridPos.x + gridPos.w))).toBe(24);
  });
});

const unknownMetrics = (text: string): string[] =>
  [...text.matchAll(/\bholdfast_[a-z_]+/g)].map(([name]) => name).filter((name) => !Object.hasOwn(METRICS, name));
