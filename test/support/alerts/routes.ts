/** Alert routes of each kind, opened by a config, with the service at their other end. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import type { SiteConfig } from "../../../lib/config/load.ts";
import { loadConfig } from "../../../lib/config/load.ts";
import type { Alert } from "../../../lib/ops/alerts/core/alert.ts";
import type { Route } from "../../../lib/ops/alerts/core/route.ts";
import { openRoutes } from "../../../lib/ops/alerts/open-routes.ts";
import { startHttpSink, type SinkAnswer } from "./http-sink.ts";
import { startSmtpSink } from "./smtp-sink.ts";

/** A part of every secret of these routes. */
export const SECRET = "Zq77Xv7Kw3Jh";

/** A route with its service. */
export interface RouteFixture {
  readonly route: Route;
  /** The texts that the service got. */
  received(): string[];
  /** Makes the service answer like this from now on. */
  become(state: "refusing" | "hanging" | "gone"): Promise<void>;
  close(): Promise<void>;
}

/** The config of a site with these routes. */
export function alertConfig(directory: string, routes: readonly object[], more: object = {}): SiteConfig {
  const file = join(directory, "alerts.yaml");
  writeFileSync(file, stringify({ site: "test", root: directory, trees: ["."], alerts: { routes }, ...more }));
  return loadConfig(file, {});
}

export const onlyRoute = (directory: string, settings: object): Route => {
  const [route] = openRoutes(alertConfig(directory, [{ name: "it", ...settings }]));
  if (route === undefined) throw new Error("no route");
  return route;
};

/** The settings of each kind that posts by HTTP, for a service at this address. */
export const HTTP_ROUTES: Readonly<Record<string, (url: string) => object>> = {
  healthchecks: (url) => ({ healthchecks: { url: `${url}/ping/${SECRET}` } }),
  slack: (url) => ({ webhook: { preset: "slack", url: `${url}/services/T0/B0/${SECRET}` } }),
  discord: (url) => ({ webhook: { preset: "discord", url: `${url}/api/webhooks/1/${SECRET}` } }),
  ntfy: (url) => ({ webhook: { preset: "ntfy", url: `${url}/backups`, token: `tk_${SECRET}` } }),
  gotify: (url) => ({ webhook: { preset: "gotify", url: `${url}/push/`, token: SECRET } }),
  telegram: (url) => ({ webhook: { preset: "telegram", url, token: `42:${SECRET}`, chat: "-100" } }),
  teams: (url) => ({ webhook: { preset: "teams", url: `${url}/workflows/x/invoke?sig=${SECRET}` } }),
  template: (url) => ({
    webhook: {
      url: `${url}/hook?key=${SECRET}`,
      template: '{"what": "{event} {title}", "more": ["{text}", "{nothing}"]}',
    },
  }),
};

async function httpFixture(directory: string, settingsOf: (url: string) => object): Promise<RouteFixture> {
  const sink = await startHttpSink();
  const answers = { refusing: 500, hanging: "hang" } satisfies Record<string, SinkAnswer>;
  return {
    route: onlyRoute(directory, settingsOf(sink.url)),
    received: () => sink.requests.map(({ body }) => body),
    become: async (state) => {
      if (state === "gone") await sink.close();
      else sink.answer = answers[state];
    },
    close: sink.close,
  };
}

async function smtpFixture(directory: string): Promise<RouteFixture> {
  const sink = await startSmtpSink({ user: "clara", password: SECRET });
  const hanging = await startHttpSink("hang"); // says nothing at first, as a mail server would
  const settings = (port: number, password: string) => ({
    smtp: {
      ...{ host: "127.0.0.1", port, tls: "none", user: "clara", password },
      ...{ from: "holdfast@example.org", to: ["anna@example.org", "Ben <ben@example.org>"] },
    },
  });
  const fixture = {
    route: onlyRoute(directory, settings(sink.port, SECRET)),
    received: () => sink.mails.map(({ text }) => text),
    become: async (state: "refusing" | "hanging" | "gone") => {
      const port = state === "hanging" ? Number(new URL(hanging.url).port) : sink.port;
      fixture.route = onlyRoute(directory, settings(port, state === "refusing" ? `${SECRET}no` : SECRET));
      if (state === "gone") await sink.close();
    },
    close: async () => {
      await sink.close();
      await hanging.close();
    },
  };
  return fixture;
}

async function commandFixture(directory: string): Promise<RouteFixture> {
  const received = (): string[] =>
    readdirSync(directory)
      .filter((name) => name.startsWith("got-"))
      .map((name) => readFileSync(join(directory, name), "utf8"));
  const shell = (line: string): Route => onlyRoute(directory, { command: ["bash", "-c", line] });
  const fixture = {
    route: shell("cat > got-$HOLDFAST_EVENT-$HOLDFAST_SITE"),
    received,
    become: async (state: "refusing" | "hanging" | "gone") => {
      if (state === "gone") fixture.route = onlyRoute(directory, { command: [join(directory, "none")] });
      else
        fixture.route = shell(
          state === "hanging" ? "trap '' TERM; while :; do sleep 1; done" : `echo ${SECRET} >&2; exit 7`,
        );
    },
    close: async () => {},
  };
  return fixture;
}

/** Opens a route of each kind in a directory of its own. */
export const ROUTE_FIXTURES: Readonly<Record<string, (directory: string) => Promise<RouteFixture>>> = {
  ...Object.fromEntries(
    Object.entries(HTTP_ROUTES).map(([kind, settingsOf]) => [
      kind,
      async (directory: string) => await httpFixture(directory, settingsOf),
    ]),
  ),
  smtp: smtpFixture,
  command: commandFixture,
};

export const anAlert = (more: Partial<Alert> = {}): Alert => ({
  event: "failure",
  site: "test",
  host: "web1",
  cause: "cause",
  title: "test: the backup failed",
  text: "one\ntwo",
  run: "20261120T020000Z",
  at: "2026-11-20T02:00:00.000Z",
  ...more,
});
