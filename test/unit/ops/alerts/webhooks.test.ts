/** What goes over the wire to each service: method, address, headers and body. */
import { expect, onTestFinished, test } from "vitest";
import { startHttpSink, type SinkRequest } from "../../../support/alerts/http-sink.ts";
import { anAlert, HTTP_ROUTES, onlyRoute, SECRET } from "../../../support/alerts/routes.ts";
import { tempDirectory } from "../../../support/temp.ts";

const alert = anAlert({ title: "test: a <b> & *c*", text: 'line "one"\nline two' });

async function sent(kind: string, event: typeof alert.event = "failure"): Promise<SinkRequest & { json: unknown }> {
  const sink = await startHttpSink();
  onTestFinished(sink.close);
  const route = onlyRoute(tempDirectory(), HTTP_ROUTES[kind]?.(sink.url) ?? {});
  expect(await route.send({ ...alert, event }, AbortSignal.timeout(5_000))).toEqual({ ok: true, answer: "200 OK" });
  const [request, ...more] = sink.requests;
  if (request === undefined || more.length > 0) throw new Error(`${sink.requests.length} requests`);
  expect(request.method).toBe("POST");
  expect(request.headers["user-agent"]).toMatch(/^holdfast\/\d/);
  if (kind !== "healthchecks") expect(request.headers["content-type"]).toBe("application/json");
  return { ...request, json: kind === "healthchecks" ? null : JSON.parse(request.body) };
}

test("slack: text, with its markup escaped", async () => {
  const { path, json } = await sent("slack");
  expect(path).toBe(`/services/T0/B0/${SECRET}`);
  expect(json).toEqual({ text: 'test: a &lt;b&gt; &amp; *c*\n\nline "one"\nline two' });
});

test("discord: an embed that mentions no one, red for bad news and green for good", async () => {
  const { path, json } = await sent("discord");
  expect(path).toBe(`/api/webhooks/1/${SECRET}`);
  const embed = { title: alert.title, description: alert.text, color: 0xd73a49 };
  expect(json).toEqual({ embeds: [embed], allowed_mentions: { parse: [] } });
  expect((await sent("discord", "recovery")).json).toMatchObject({ embeds: [{ color: 0x2ea043 }] });
});

test("ntfy: to the root of the server, with the topic in the body and a bearer token", async () => {
  const { path, headers, json } = await sent("ntfy");
  expect(path).toBe("/");
  expect(headers.authorization).toBe(`Bearer tk_${SECRET}`);
  expect(json).toEqual({
    ...{ topic: "backups", title: alert.title, message: alert.text },
    ...{ priority: 4, tags: ["warning"] },
  });
  expect((await sent("ntfy", "success")).json).toMatchObject({ priority: 3, tags: ["white_check_mark"] });
});

test("gotify: below the path of the server, with the token in a header", async () => {
  const { path, headers, json } = await sent("gotify");
  expect(path).toBe("/push/message");
  expect(headers["x-gotify-key"]).toBe(SECRET);
  expect(json).toEqual({
    ...{ title: alert.title, message: alert.text, priority: 8 },
    extras: { "client::display": { contentType: "text/plain" } },
  });
});

test("telegram: plain text for a chat, with the token in the address", async () => {
  const { path, json } = await sent("telegram");
  expect(path).toBe(`/bot42:${SECRET}/sendMessage`);
  expect(json).toEqual({
    ...{ chat_id: "-100", text: `${alert.title}\n\n${alert.text}` },
    link_preview_options: { is_disabled: true },
  });
});

test("teams: an adaptive card, a paragraph a line, its markdown escaped", async () => {
  const { path, json } = await sent("teams");
  expect(path).toBe(`/workflows/x/invoke?sig=${SECRET}`);
  const line = (text: string) => ({ type: "TextBlock", text, wrap: true, spacing: "None" });
  expect(json).toEqual({
    type: "message",
    attachments: [
      {
        contentType: "application/vnd.microsoft.card.adaptive",
        contentUrl: null,
        content: {
          $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
          type: "AdaptiveCard",
          version: "1.4",
          body: [
            { type: "TextBlock", text: "test: a <b> & \\*c\\*", wrap: true, size: "Medium", weight: "Bolder" },
            line('line "one"'),
            line("line two"),
          ],
        },
      },
    ],
  });
});

test("a template: values escaped for JSON, other braces as they are", async () => {
  const { path, headers, json } = await sent("template");
  expect(path).toBe(`/hook?key=${SECRET}`);
  expect(headers.authorization).toBeUndefined();
  expect(json).toEqual({ what: `failure ${alert.title}`, more: [alert.text, "{nothing}"] });
});

test("a template with a token sends it as a bearer token, and fills every placeholder", async () => {
  const sink = await startHttpSink();
  onTestFinished(sink.close);
  const fields = ["title", "text", "event", "site", "host", "run", "time"];
  const template = JSON.stringify(Object.fromEntries(fields.map((name) => [name, `{${name}}`])));
  const route = onlyRoute(tempDirectory(), { webhook: { url: sink.url, template, token: SECRET } });
  await route.send({ ...alert, text: "{title} $& $1" }, AbortSignal.timeout(5_000));
  expect(sink.requests[0]?.headers.authorization).toBe(`Bearer ${SECRET}`);
  const { title, event, site, host, run, at } = alert;
  expect(JSON.parse(sink.requests[0]?.body ?? "")).toEqual({
    ...{ title, event, site, host, run, time: at },
    text: "{title} $& $1",
  });
});

test("healthchecks: alerts to /log, pings to /start and /<exit status> with the run id", async () => {
  const { path, body } = await sent("healthchecks");
  expect(path).toBe(`/ping/${SECRET}/log`);
  expect(body).toBe(`${alert.title}\n\n${alert.text}`);
  const sink = await startHttpSink();
  onTestFinished(sink.close);
  const { ping } = onlyRoute(tempDirectory(), { healthchecks: { url: `${sink.url}/ping/x/?create=1` } });
  const id = "0d5f3f5e-3a35-4d0e-9a44-1f0d7a0f0f00";
  const signal = AbortSignal.timeout(5_000);
  await ping?.({ job: "backup", id, state: "start", text: "" }, signal);
  await ping?.({ job: "backup", id, state: 13, text: "why" }, signal);
  expect(sink.requests.map((request) => `${request.path} ${request.body}`)).toEqual([
    `/ping/x/start?create=1&rid=${id} `,
    `/ping/x/13?create=1&rid=${id} why`,
  ]);
});

test("a redirect is not followed, to the same host or another", async () => {
  const other = await startHttpSink();
  const sink = await startHttpSink({ redirect: `${other.url}/x` });
  onTestFinished(other.close);
  onTestFinished(sink.close);
  const route = onlyRoute(tempDirectory(), HTTP_ROUTES["gotify"]?.(sink.url) ?? {});
  expect(await route.send(alert, AbortSignal.timeout(5_000))).toEqual({
    ok: false,
    answer: "307 Temporary Redirect: redirects are not followed; correct the address",
  });
  expect(other.requests).toEqual([]);
});

test.each(["drop", 404, 429] as const)("an answer %s is a delivery that failed", async (answer) => {
  const sink = await startHttpSink(answer);
  onTestFinished(sink.close);
  const route = onlyRoute(tempDirectory(), HTTP_ROUTES["slack"]?.(sink.url) ?? {});
  const delivery = await route.send(alert, AbortSignal.timeout(5_000));
  expect(delivery.ok).toBe(false);
  expect(delivery.answer).toMatch(/^(404 Not Found|429 Too Many Requests|cannot be reached \([A-Z_]+\))$/);
});

test.each(["", "file:///etc/passwd", "hooks.example/x", "ftp://x/"])("the address %j is refused", async (url) => {
  const route = onlyRoute(tempDirectory(), {
    webhook: { preset: "slack", url_command: url === "" ? ["true"] : ["printf", "%s", url] },
  });
  const delivery = await route.send(alert, AbortSignal.timeout(5_000));
  expect(delivery).toEqual({ ok: false, answer: "the address is not an http or https URL" });
});
