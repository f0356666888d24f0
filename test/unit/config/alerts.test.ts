/** The config sections `alerts` and `metrics`. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../../../lib/config/load.ts";
import { tempDirectory } from "../../support/temp.ts";

function load(alerts: string) {
  const file = path.join(tempDirectory(), "site.yaml");
  writeFileSync(file, `site: test\nroot: /srv/test\ntrees: [.]\nalerts: ${alerts}\n`);
  return loadConfig(file, {});
}

const route = (text: string): string => `{ routes: [{ name: it, ${text} }] }`;

test("has defaults where there is no section", () => {
  const file = path.join(tempDirectory(), "site.yaml");
  writeFileSync(file, "site: test\nroot: /srv/test\ntrees: [.]\n");
  expect(loadConfig(file, {})).toMatchObject({ alerts: { max_age: 48, max_duration: 12, routes: [] } });
  expect(loadConfig(file, {}).metrics).toBeUndefined();
});

test.each([
  ["no kind", route("events: [failure]"), "needs exactly one of healthchecks, smtp, webhook and command"],
  ["two kinds", route("command: [x], healthchecks: { url: x }"), "needs exactly one of healthchecks"],
  ["an unknown event", route("command: [x], events: [target_behind]"), "alerts.routes.0.events.0"],
  ["one name twice", "{ routes: [{ name: a, command: [x] }, { name: a, command: [y] }] }", "two have one name"],
  ["no address", route("healthchecks: {}"), "exactly one of url, url_file and url_command"],
  ["two addresses", route("webhook: { preset: slack, url: x, url_file: y }"), "exactly one of url"],
  ["a preset and a template", route("webhook: { preset: slack, template: '{}', url: x }"), "preset and template"],
  ["a template that is not JSON", route("webhook: { template: '{title}', url: x }"), "template is not JSON"],
  ["gotify without a token", route("webhook: { preset: gotify, url: x }"), "gotify needs a token"],
  ["slack with a token", route("webhook: { preset: slack, url: x, token: y }"), "slack takes no token"],
  ["telegram without a chat", route("webhook: { preset: telegram, token: x }"), "chat belongs to telegram"],
  ["a user without a password", route("smtp: { host: x, user: y, from: a, to: [b] }"), "user needs exactly one"],
  ["a password without a user", route("smtp: { host: x, password: y, from: a, to: [b] }"), "user needs exactly one"],
  ["a command that is a line", route("command: mail -s x"), "alerts.routes.0.command"],
])("%s is refused", (_what, alerts, message) => {
  expect(() => load(alerts)).toThrow(message);
});

test.each([
  route("webhook: { preset: telegram, token_file: x, chat: '@c' }"),
  route('webhook: { template: \'{"t": "{title}", "n": 1}\', url: x, token_command: [y] }'),
  route("smtp: { host: x, port: 25, tls: none, from: a, to: [b] }"),
])("%s is taken", (alerts) => {
  expect(load(alerts).alerts.routes).toHaveLength(1);
});
