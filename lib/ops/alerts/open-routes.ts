/** The routes of a config. */
import { ALERT_EVENTS, type AlertEvent, type RouteSettings } from "../../config/settings/alerts.ts";
import type { SiteConfig } from "../../config/load.ts";
import { commandRoute } from "./command/route.ts";
import type { Route } from "./core/route.ts";
import { eventsBeside, healthchecksRoute } from "./healthchecks/route.ts";
import { smtpRoute } from "./smtp/route.ts";
import { webhookRoute } from "./webhook/route.ts";

/** Every event but success, which is news each night. */
const DEFAULT_EVENTS: readonly AlertEvent[] = ALERT_EVENTS.filter((event) => event !== "success");

/** Returns the routes of the config; none is contacted, and no secret is read yet. */
export const openRoutes = (config: SiteConfig): Route[] =>
  config.alerts.routes.flatMap((settings) => openRoute(config, settings));

function openRoute(config: SiteConfig, settings: RouteSettings): Route[] {
  const { name, healthchecks, smtp, webhook, command } = settings;
  const events = new Set(settings.events ?? (healthchecks === undefined ? DEFAULT_EVENTS : eventsBeside(healthchecks)));
  const common = { name, events };
  return [
    ...(healthchecks === undefined ? [] : [healthchecksRoute(config, healthchecks, common)]),
    ...(smtp === undefined ? [] : [smtpRoute(config, smtp, common)]),
    ...(webhook === undefined ? [] : [webhookRoute(config, webhook, common)]),
    ...(command === undefined ? [] : [commandRoute(config, command, common)]),
  ];
}
