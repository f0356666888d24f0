/** What every alert route does, whatever is at its other end. */
import { describe, expect, onTestFinished, test } from "vitest";
import { anAlert, onlyRoute, ROUTE_FIXTURES, SECRET, type RouteFixture } from "../support/alerts/routes.ts";
import { tempDirectory } from "../support/temp.ts";

const AWKWARD = `"quotes" \\ {title} <!channel> @everyone *bold* \u0000\u001b[31m é 😀\r\n.\r\nlast`;

async function open(kind: string): Promise<RouteFixture> {
  const fixture = await (ROUTE_FIXTURES[kind] ?? expect.fail())(tempDirectory());
  onTestFinished(fixture.close);
  return fixture;
}

const inTime = (ms = 8_000): AbortSignal => AbortSignal.timeout(ms);

describe.each(Object.keys(ROUTE_FIXTURES))("%s", (kind) => {
  test("sends the title and the text once, and says how it was answered", async () => {
    const fixture = await open(kind);
    const { ok, answer } = await fixture.route.send(anAlert({ title: "a title", text: "the-text" }), inTime());
    expect({ ok, answer }).toEqual({
      ok: true,
      answer: expect.stringMatching(/^(200 OK|250 accepted|exit status 0)$/),
    });
    expect(fixture.received()).toHaveLength(1);
    expect(fixture.received()[0]).toContain("a title");
    expect(fixture.received()[0]).toContain("the-text");
  });

  test("sends awkward text, and one without a text", async () => {
    const fixture = await open(kind);
    expect(await fixture.route.send(anAlert({ title: `t ${AWKWARD}`, text: AWKWARD }), inTime())).toMatchObject({
      ok: true,
    });
    expect(await fixture.route.send(anAlert({ event: "recovery", text: "" }), inTime())).toMatchObject({ ok: true });
    for (const body of fixture.received())
      if (body.startsWith("{")) expect(() => JSON.parse(body) as unknown).not.toThrow();
  });

  test("cuts a text of a megabyte between characters", async () => {
    const fixture = await open(kind);
    expect(await fixture.route.send(anAlert({ text: "é😀".repeat(150_000) }), inTime())).toMatchObject({ ok: true });
    const [body = ""] = fixture.received();
    expect(body).not.toContain("\ufffd");
    expect(Buffer.byteLength(body)).toBeLessThan(kind === "smtp" ? 350_000 : 110_000); // mail encodes each byte
  });

  test.each(["refusing", "gone"] as const)("a service that is %s is a delivery that failed", async (state) => {
    const fixture = await open(kind);
    await fixture.become(state);
    const { ok, answer } = await fixture.route.send(anAlert(), inTime());
    expect(ok).toBe(false);
    expect(answer).toMatch(/500|535|status 7|ECONNREFUSED|ESOCKET|not installed/);
    expect(answer).not.toContain(SECRET);
  });

  test("a service that hangs is given up when the time is over", async () => {
    const fixture = await open(kind);
    await fixture.become("hanging");
    const started = Date.now();
    const { ok, answer } = await fixture.route.send(anAlert(), AbortSignal.timeout(400));
    expect({ ok, answer }).toEqual({ ok: false, answer: expect.stringMatching(/in time$/) });
    expect(Date.now() - started).toBeLessThan(2_500);
  });
});

test.each([
  ["healthchecks", { healthchecks: { url_file: "none" } }],
  ["webhook", { webhook: { preset: "slack", url_file: "none" } }],
  ["smtp", { smtp: { host: "x", user: "a", password_file: "none", from: "a@b.c", to: ["a@b.c"] } }],
])("%s: a secret that cannot be read is an error that names its key", async (_kind, settings) => {
  const sent = onlyRoute(tempDirectory(), settings).send(anAlert(), inTime());
  await expect(sent).rejects.toMatchObject({
    code: "E_CONFIG",
    hint: expect.stringMatching(/it\.(url|password)_file/),
  });
});
