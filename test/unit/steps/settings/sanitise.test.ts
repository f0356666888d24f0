import { describe, expect, test } from "vitest";
import { parseSettings } from "../../../../lib/steps/settings/parse.ts";
import { sanitiseSettings } from "../../../../lib/steps/settings/sanitise.ts";
import { databaseScheme } from "../../../../lib/steps/settings/scheme.ts";

const capture = (text: string, secret: readonly string[] = []) =>
  sanitiseSettings(parseSettings(text, undefined, "test"), secret, "test");
const values = (text: string, secret: readonly string[] = []): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(capture(text, secret)).map(([name, { value, present }]) => [
      name,
      present === undefined ? value : present ? "(secret)" : "(no secret)",
    ]),
  );

describe("settings are read", () => {
  test("from JSON: objects by dotted names, plain lists as one, lists of objects by place", () => {
    const text = JSON.stringify({ A: { b: { c: 1 } }, L: [1, "x"], T: [{ NAME: "n" }, { NAME: "m" }], E: {}, N: null });
    expect(values(text)).toEqual({ "A.b.c": 1, L: [1, "x"], "T.0.NAME": "n", "T.1.NAME": "m", E: {}, N: null });
  });

  test("with what the application says of each; a setting of which only `value` is called so is one", () => {
    const text = JSON.stringify({
      A: { value: 5, type: "seconds", source: "defaults.py", description: "how long" },
      B: { value: 1, other: 2 },
    });
    const found = capture(text);
    expect(found["A"]).toEqual({ value: 5, type: "seconds", source: "defaults.py", description: "how long" });
    expect(Object.keys(found)).toEqual(["A", "B.value", "B.other"]);
  });

  test("from lines: quoted values of several lines, export, CRLF, a mark at the beginning, and the last of two counts", () => {
    const text = '\uFEFF# what it is\r\nexport A="one\r\ntwo"\r\n\r\nB=1 # not this\r\nB=2\r\nnonsense\r\n';
    const found = capture(text);
    expect(Object.entries(found).map(([name, { value, description }]) => [name, value, description])).toEqual([
      ["A", "one\ntwo", "what it is"],
      ["B", "2", null],
    ]);
  });

  test.each(["", "nothing here", "# a comment", "{}"])("%j has no settings", (text) => {
    expect(() => parseSettings(text, undefined, "test")).toThrow("has no settings");
  });

  test.each(["[1]", '"x"', '{"A": '])("%j is not a JSON object", (text) => {
    expect(() => parseSettings(text, "json", "test")).toThrow(/not valid JSON|not a JSON/);
  });
});

describe("secrets are left out", () => {
  test("by the names, also those above a value", () => {
    const text = JSON.stringify({
      DATABASES: { default: { USER: "clara", PASSWORD: "short" } },
      API_TOKENS: { ann: "first-token", bob: "second-token" },
      OAUTH: { CLIENT_SECRET: "word", CLIENT_ID: "portal" },
      SECRETS: ["one-of-them", "two-of-them"],
      PASSWORD_HASHERS: ["PBKDF2"],
      TOKEN_TTL: 3600,
      EMPTY_PASSWORD: "",
      SESSION_SECRET: null,
    });
    expect(values(text)).toEqual({
      "DATABASES.default.USER": "clara",
      "DATABASES.default.PASSWORD": "(secret)",
      "API_TOKENS.ann": "(secret)",
      "API_TOKENS.bob": "(secret)",
      "OAUTH.CLIENT_SECRET": "(secret)",
      "OAUTH.CLIENT_ID": "portal",
      SECRETS: "(secret)",
      PASSWORD_HASHERS: ["PBKDF2"],
      TOKEN_TTL: 3600,
      EMPTY_PASSWORD: "(no secret)",
      SESSION_SECRET: "(no secret)",
    });
  });

  test("by the config, whatever they look like", () => {
    expect(values('{"Internal": {"a": 12, "b": true}, "OTHER": 1}', ["internal"])).toEqual({
      "Internal.a": "(secret)",
      "Internal.b": "(secret)",
      OTHER: 1,
    });
  });

  test("by their looks, in URLs, in lists, in descriptions, and where they stand a second time", () => {
    const found = capture(
      JSON.stringify({
        MAIL_PASSWORD: "Corr3ct-horse-battery",
        GREETING: "log in with Corr3ct-horse-battery",
        BROKERS: ["amqp://ann:pl41n@one/", "amqp://two/"],
        NOTE: { value: "x", description: "the old one was Corr3ct-horse-battery" },
        DEPLOY: "ghp_0123456789abcdefghij0123456789abcdef",
        STAMP: "wJalrXUtnFEMI/K7MDENG/bPxRfiCY0EXAMPLE1KEY",
      }),
    );
    const all = JSON.stringify(found);
    for (const secret of ["Corr3ct", "pl41n", "ghp_", "wJalr"]) expect(all).not.toContain(secret);
    expect(found["BROKERS"]?.value).toEqual(["amqp://ann:***REDACTED***@one/", "amqp://two/"]);
  });

  test("what is made of words is kept under any name", () => {
    const kept = {
      CACHE: "django.core.cache.backends.redis.RedisCache",
      HOST: "db-prod-01.eu-west-3.rds.amazonaws.com",
      RELEASE: "portal-2026-production-v12",
      MAILS: ["ann@example.org", "bob@example.org"],
    };
    expect(values(JSON.stringify(kept))).toEqual(kept);
  });

  test("a path or a reference is not redacted", () => {
    expect(values('{"SECRET_KEY": "/run/secrets/key", "API_TOKEN": "${TOKEN}"}')).toEqual({
      SECRET_KEY: "/run/secrets/key",
      API_TOKEN: "${TOKEN}",
    });
  });
});

test.each([
  ["postgres://u:p@h/d", "postgresql"],
  ["postgresql+psycopg://h/d", "postgresql"],
  ["jdbc:postgresql://h/d", "postgresql"],
  ["postgis://h/d", "postgresql"],
  ["mysql://h/d", "mysql"],
  ["mariadb://h/d", "mariadb"],
  ["sqlite:///db.sqlite3", "sqlite"],
  ["jdbc:sqlite:db.sqlite3", "sqlite"],
  ["postgresql:15", undefined],
  ["redis://h/0", undefined],
  ["oracle of Delphi", undefined],
])("the engine that %s names", (url, engine) => {
  expect(databaseScheme(url)).toBe(engine);
});
