/** Monitors that are down, hang, lie or cannot be trusted: none changes a backup, and none learns a secret. */
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { stringify } from "yaml";
import { makeCertificate } from "../../support/alerts/certificate.ts";
import { startHttpSink, type SinkAnswer } from "../../support/alerts/http-sink.ts";
import { startSmtpSink } from "../../support/alerts/smtp-sink.ts";
import type { RunOptions, RunResult } from "../../support/commands/run.ts";
import { filesOf } from "../../support/files.ts";
import { eventually, procFile, runBuilt, startBuilt } from "../../support/runs/backup.ts";
import { suiteDirectory, tempDirectory } from "../../support/temp.ts";

const certificate = makeCertificate(suiteDirectory());

/** Makes a site of one tree with these routes; with `fails` its backup is partial. */
function makeSite(routes: readonly object[], { fails = false } = {}): string {
  const directory = tempDirectory();
  mkdirSync(join(directory, "site"));
  writeFileSync(join(directory, "site/file"), "content");
  const trees = [".", ...(fails ? ["gone"] : [])];
  const settings = { site: "test", root: "site", dest: join(directory, "store"), trees, alerts: { routes } };
  writeFileSync(join(directory, "site.yaml"), stringify(settings));
  return directory;
}

const backUp = async (directory: string, options: RunOptions = {}): Promise<RunResult> =>
  await runBuilt("backup_all", ["--config", join(directory, "site.yaml")], {
    ...options,
    env: { XDG_STATE_HOME: join(directory, "state"), ...options.env },
  });

async function httpSink(answer: SinkAnswer, tls?: { key: string; cert: string }) {
  const sink = await startHttpSink(answer, tls);
  onTestFinished(sink.close);
  return sink;
}

const smtp = (port: number, more: object = {}) => ({
  ...{ host: "127.0.0.1", port, user: "clara", password: "Zq88Xv7Kw3Jh" },
  ...{ from: "holdfast@example.org", to: ["anna@example.org"], ...more },
});

test("of a good backup, exit 0, whatever its monitors do, within ten seconds more", async () => {
  const hanging = await httpSink("hang");
  const secure = await httpSink(200, certificate);
  const failing = await httpSink(500);
  const dropping = await httpSink("drop");
  const gone = await httpSink(200);
  await gone.close();
  const wrong = makeCertificate(tempDirectory(), "DNS:other.example");
  const other = await httpSink(200, wrong);
  const directory = makeSite([
    { name: "hanging", healthchecks: { url: `${hanging.url}/secret-path` } },
    { name: "untrusted", healthchecks: { url: `${secure.url}/secret-path` } },
    { name: "other", healthchecks: { url: `${other.url}/secret-path` } },
    { name: "failing", healthchecks: { url: `${failing.url}/secret-path` } },
    { name: "dropping", healthchecks: { url: `${dropping.url}/secret-path` } },
    { name: "gone", healthchecks: { url: `${gone.url}/secret-path` } },
    { name: "unreadable", healthchecks: { url_file: "/none/of/that/name" } },
    { name: "stubborn", events: ["success"], command: ["bash", "-c", "trap '' TERM; while :; do sleep 1; done"] },
  ]);
  const ca = join(directory, "ca.pem");
  writeFileSync(ca, wrong.cert);
  const env = { XDG_STATE_HOME: join(directory, "state"), NODE_EXTRA_CA_CERTS: ca };
  const backup = startBuilt("backup_all", ["--config", join(directory, "site.yaml"), "--json"], { env });
  let published = Number.NaN;
  backup.child.stdout?.on("data", (text: string) => {
    if (text.includes('"message_type":"summary"')) published = Date.now();
  });
  const { code, stdout } = await backup.done;
  expect(code).toBe(0);
  expect(Date.now() - published).toBeLessThan(11_500);
  const warnings = [...stdout.matchAll(/"item":"the alert route ([^"]*)"/g)].map(([, text = ""]) => text);
  expect(warnings.toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
    "dropping failed: cannot be reached (UND_ERR_SOCKET)",
    "failing failed: 500 Internal Server Error",
    "gone failed: cannot be reached (ECONNREFUSED)",
    "hanging failed: no answer in time",
    "other failed: cannot be reached (ERR_TLS_CERT_ALTNAME_INVALID)",
    "stubborn failed: no end in time",
    "unreadable failed: the url file /none/of/that/name cannot be read",
    "untrusted failed: cannot be reached (DEPTH_ZERO_SELF_SIGNED_CERT)",
  ]);
  expect([secure.requests, other.requests]).toEqual([[], []]);
  expect(stdout).not.toContain("secret-path");
});

test("mail goes by STARTTLS, with a login, to a server whose certificate is trusted", async () => {
  const sink = await startSmtpSink({ tls: certificate, user: "clara", password: "Zq88Xv7Kw3Jh" });
  onTestFinished(sink.close);
  const directory = makeSite([{ name: "mail", smtp: smtp(sink.port) }], { fails: true });
  const { code, stderr } = await backUp(directory, { env: { NODE_EXTRA_CA_CERTS: certificate.file } });
  expect([code, stderr]).toEqual([3, expect.not.stringContaining("alert route")]);
  const [mail, ...more] = sink.mails;
  expect(more).toEqual([]);
  expect(mail).toMatchObject({ from: "holdfast@example.org", to: ["anna@example.org"], secure: true, user: "clara" });
  expect(mail?.text).toMatch(/^Subject: test: the backup \d{8}T\d{6}Z is partial: /m);
  expect(mail?.text).toMatch(/^X-Holdfast-Event: failure\r$/im);
  expect(mail?.text).toContain("trees/gone");
});

test.each([
  ["with a certificate that no one trusts", { tls: certificate }, {}, /cannot be reached \(ESOCKET|ETLS\)/],
  ["without STARTTLS", {}, {}, /refused with 50\d/],
  ["that refuses the login", { user: "clara", password: "another" }, { tls: "none" }, /refused with 535/],
])("a mail server %s gets no message, and nothing says the password", async (_what, options, settings, answer) => {
  const sink = await startSmtpSink(options);
  onTestFinished(sink.close);
  const directory = makeSite([{ name: "mail", smtp: smtp(sink.port, settings) }], { fails: true });
  const { code, stdout, stderr } = await backUp(directory);
  expect(code).toBe(3);
  expect(stderr).toMatch(answer);
  expect(`${stdout}${stderr}`).not.toContain("Zq88Xv7Kw3Jh");
  expect(sink.mails).toEqual([]);
});

test("a state directory that cannot be written to keeps no alert back", async () => {
  const sink = await httpSink(200);
  const directory = makeSite([{ name: "chat", webhook: { preset: "slack", url: sink.url } }], { fails: true });
  writeFileSync(join(directory, "state"), "a file");
  const { code, stderr } = await backUp(directory);
  expect([code, stderr]).toEqual([3, expect.stringContaining("the alerts that were sent cannot be recorded")]);
  expect(sink.requests).toHaveLength(1);
});

test("a signal ends the backup, and the end is reported with its exit status", async () => {
  const sink = await httpSink(200);
  const directory = makeSite([
    { name: "monitor", healthchecks: { url: sink.url } },
    { name: "chat", webhook: { preset: "slack", url: `${sink.url}/chat` } },
  ]);
  const before = ["bash", "-c", `touch '${directory}/begun'; sleep 100`];
  writeFileSync(join(directory, "site.yaml"), `hooks: ${JSON.stringify({ before })}\n`, { flag: "a" });
  const env = { XDG_STATE_HOME: join(directory, "state") };
  const backup = startBuilt("backup_all", ["--config", join(directory, "site.yaml")], { env });
  await eventually("the hook", () => readdirSync(directory).includes("begun"));
  backup.child.kill("SIGTERM");
  expect((await backup.done).code).toBe(130);
  expect(sink.requests.map(({ path }) => path.replace(/\?.*/, "")).toSorted()).toEqual(["/130", "/chat", "/start"]);
});

test("planted secrets of routes are in no output, no file of the store or state, and no argument", async () => {
  const sink = await httpSink(500);
  const mail = await startSmtpSink({ user: "clara", password: "other" });
  onTestFinished(mail.close);
  const marks = Array.from({ length: 10 }, (_, index) => `Zq${index}0Xv7Kw3JhMn`);
  const [a, b, c, d, e, f, g, h, i, j] = marks;
  const files = tempDirectory();
  writeFileSync(join(files, "token"), `${h}\n`);
  writeFileSync(join(files, "print"), `#!/bin/sh\nsleep 0.3; echo ${sink.url}/${i}\n`);
  chmodSync(join(files, "print"), 0o755);
  const slow = ["bash", "-c", "sleep 1; cat >/dev/null"];
  const directory = makeSite(
    [
      { name: "monitor", healthchecks: { url: `${sink.url}/ping/${a}` } },
      { name: "slack", webhook: { preset: "slack", url: `${sink.url}/services/${b}` } },
      { name: "ntfy", webhook: { preset: "ntfy", url: `${sink.url}/${c}`, token: d } },
      { name: "gotify", webhook: { preset: "gotify", url: sink.url, token: e } },
      { name: "telegram", webhook: { preset: "telegram", url: sink.url, token: f, chat: "1" } },
      { name: "mail", smtp: smtp(mail.port, { tls: "none", password: g }) },
      { name: "by_file", webhook: { template: "{}", url: sink.url, token_file: join(files, "token") } },
      { name: "by_command", webhook: { preset: "teams", url_command: [join(files, "print")] } },
      { name: "invalid", webhook: { preset: "discord", url: `not a URL ${j}` } },
      { name: "slow", command: slow },
    ],
    { fails: true },
  );
  const seen: string[] = [];
  const env = { XDG_STATE_HOME: join(directory, "state") };
  const args = ["--config", join(directory, "site.yaml"), "--json", "--verbose"];
  const backup = startBuilt("backup_all", args, { env });
  let over = false;
  const watching = (async () => {
    while (!over) {
      for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
        seen.push(procFile(Number(pid), "cmdline"));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  const { code, stdout, stderr } = await backup.done;
  over = true;
  await watching;
  const tested = await runBuilt("alerts", ["test", "--config", join(directory, "site.yaml"), "--json", "--verbose"], {
    env,
  });
  expect([code, tested.code]).toEqual([3, 1]);
  expect(stdout.match(/the alert route \w+ failed/g)?.length).toBeGreaterThanOrEqual(9);
  expect(seen.some((line) => line.includes("sleep 1; cat"))).toBe(true);
  const texts = [
    ...[stdout, stderr, tested.stdout, tested.stderr, ...new Set(seen)],
    ...["store", "state"].flatMap((name) =>
      regularFiles(join(directory, name)).map((file) => readFileSync(file, "latin1")),
    ),
  ];
  expect(texts.some((text) => text.includes("***REDACTED***"))).toBe(true);
  for (const mark of marks)
    expect(texts.filter((text) => text.includes(mark)).map((text) => text.slice(0, 200))).toEqual([]);
  // They did reach the services.
  const requests = sink.requests.map((request) => JSON.stringify(request)).join("\n");
  for (const mark of [a, b, c, d, e, f, h, i]) expect(requests).toContain(mark);
}, 60_000);

const regularFiles = (directory: string): string[] =>
  filesOf(directory)
    .map((file) => join(directory, file))
    .filter((file) => lstatSync(file).isFile());
