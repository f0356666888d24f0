/** Reports what happened to a site: pings of its jobs, alerts that are new, and what works again. */
import { hostname } from "node:os";
import type { SiteConfig } from "../../config/load.ts";
import { systemCode } from "../../errors.ts";
import type { Alert, Delivery, Ping } from "./core/alert.ts";
import type { Route } from "./core/route.ts";
import { deliver, deliverOne, warningsOf, type Answer, type Sending } from "./deliver.ts";
import { isSame, openMemory, type AlertMemory, type SentKey, type Subject } from "./memory.ts";
import { openRoutes } from "./open-routes.ts";

/** Something to report. `host`, `site` and the time are added. */
export interface News extends Pick<Alert, "cause" | "title" | "text" | "run"> {
  readonly event: Exclude<Alert["event"], "recovery">;
  /** What fails; null for news that is no failure. */
  readonly subject: Subject | null;
}

export interface Findings {
  readonly news: readonly News[];
  /** What works. */
  readonly settled: readonly Subject[];
  readonly ping?: Ping;
  /** The pings of the start, by route: that of the end comes after it. */
  readonly started?: StartedPings;
}

export type StartedPings = ReadonlyMap<string, Promise<Answer>>;

/** A message to a route; `key` is that of an alert. */
interface Message extends Sending {
  readonly key?: SentKey;
}

/** Sends what is new to the routes of the config; returns warnings. Never throws, and takes ten seconds at most. */
export async function report(config: SiteConfig, findings: Findings): Promise<string[]> {
  const { news, settled, ping, started: startedPings = new Map<string, never>() } = findings;
  const routes = openRoutes(config);
  if (routes.length === 0) return [];
  const started = Date.now();
  const warnings: string[] = [];
  const memory = openMemory(config.site);
  /** Without a memory every alert is new, and nothing is known to have failed. */
  const remember = async <T>(work: (memory: AlertMemory) => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work(memory);
    } catch (error) {
      warnings.push(`the alerts that were sent cannot be recorded (${systemCode(error) ?? String(error)})`);
      return otherwise;
    }
  };
  const recovered = settled.length === 0 ? [] : await remember(async (one) => await one.settle(settled), []);
  const alerts = news.map((one) => ({ subject: one.subject, alert: alertOf(config, one) }));
  if (recovered.length > 0) alerts.push({ subject: null, alert: recoveryOf(config, recovered) });
  const messages = routes.flatMap((route) => alerts.flatMap((one) => messageTo(route, one)));
  const keys = messages.flatMap(({ key }) => key ?? []);
  const failing = news.flatMap(({ subject }) => subject ?? []);
  const claimed =
    keys.length + failing.length === 0 ? [] : await remember(async (one) => await one.claim(keys, failing), keys);
  const due = messages.filter(({ key }) => key !== undefined && claimed.some((one) => isSame(one, key)));
  const pings = ping === undefined ? [] : routes.flatMap((route) => pingTo(route, ping, startedPings));
  const answers = await deliver([...pings, ...due], Date.now() - started);
  const delivered = due.flatMap(({ key }, at) => (answers[pings.length + at]?.ok === true ? (key ?? []) : []));
  if (claimed.length > 0) await remember(async (one) => await one.conclude(claimed, delivered), undefined);
  const first = await Promise.all(startedPings.values());
  return [...new Set([...warnings, ...warningsOf([...first, ...answers])])];
}

/** Begins to send the ping of a start; the job does not wait for it. */
export const startPings = (config: SiteConfig, ping: Ping): StartedPings =>
  new Map(
    openRoutes(config)
      .flatMap((route) => pingTo(route, ping, new Map()))
      .map((message) => [message.route, deliverOne(message)]),
  );

/** Sends a test message to each route, or to the one that is named, whatever events it reports. */
export async function testRoutes(config: SiteConfig, name: string | undefined): Promise<Answer[]> {
  const text = "This message was sent by: holdfast alerts test";
  const title = `${config.site}: test message of Holdfast`;
  const alert = alertOf(config, { event: "test", cause: "test", title, text, run: null });
  const routes = openRoutes(config).filter((route) => name === undefined || route.name === name);
  return await deliver(
    routes.map((route) => ({ route: route.name, send: async (signal) => await route.send(alert, signal) })),
  );
}

const alertOf = (
  { site }: SiteConfig,
  { event, cause, title, text, run }: Pick<Alert, "event" | "cause" | "title" | "text" | "run">,
): Alert => ({ event, cause, title, text, run, site, host: hostname(), at: new Date().toISOString() });

const WORKS: Readonly<Record<Subject, string>> = {
  backup: "backups succeed again",
  missed: "there is a recent backup again",
  verify: "the verification succeeds again",
  drill: "the drill succeeds again",
  proof: "there is a recent proof again",
  push: "pushes to targets succeed again",
};

function recoveryOf(config: SiteConfig, recovered: readonly { subject: Subject; since: string }[]): Alert {
  const title = `${config.site}: ${recovered.map(({ subject }) => WORKS[subject]).join(", ")}`;
  const text = recovered.map(({ subject, since }) => `${subject}: failing since ${since}`).join("\n");
  const cause = recovered.map(({ subject, since }) => `${subject} ${since}`).join(", ");
  return alertOf(config, { event: "recovery", cause, title, text, run: null });
}

function messageTo(route: Route, { subject, alert }: { subject: Subject | null; alert: Alert }): Message[] {
  const { event, cause } = alert;
  if (event === "test" || !route.events.has(event)) return [];
  const key = { route: route.name, event, cause, subject };
  return [{ route: route.name, key, send: async (signal) => await route.send(alert, signal) }];
}

function pingTo({ name, ping: send, job }: Route, ping: Ping, started: StartedPings): Message[] {
  if (send === undefined || job !== ping.job) return [];
  const inOrder = async (signal: AbortSignal): Promise<Delivery> => {
    await started.get(name);
    return await send(ping, signal);
  };
  return [{ route: name, send: inOrder }];
}
