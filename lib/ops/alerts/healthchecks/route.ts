/** The Healthchecks protocol (healthchecks.io and its like): a monitor that misses what does not arrive. */
import type { AlertEvent, HealthchecksSettings } from "../../../config/settings/alerts.ts";
import type { SiteConfig } from "../../../config/load.ts";
import { readSecret } from "../../../config/secrets.ts";
import { HoldfastError } from "../../../errors.ts";
import { addressBelow, parseAddress } from "../core/address.ts";
import { messageOf, type Delivery } from "../core/alert.ts";
import { post } from "../core/post.ts";
import type { Route } from "../core/route.ts";

/** Returns the events that a check does not learn by the pings of its job. */
export function eventsBeside({ job }: HealthchecksSettings): AlertEvent[] {
  const told: readonly AlertEvent[] =
    job === "drill" ? ["drill_failed"] : job === "watch" ? ["missed", "proof_stale"] : [];
  const untold: readonly AlertEvent[] = ["anomaly", "missed", "drill_failed", "proof_stale"];
  return untold.filter((event) => !told.includes(event));
}

/** Returns the route: `/start` and `/<exit status>` for its job, `/log` for alerts. */
export function healthchecksRoute(
  config: SiteConfig,
  settings: HealthchecksSettings,
  { name, events }: Pick<Route, "name" | "events">,
): Route {
  const { url: value, url_file: file, url_command: command } = settings;
  const send = async (action: string, id: string | undefined, body: string, signal: AbortSignal): Promise<Delivery> => {
    const url = await readSecret(config, { key: `${name}.url`, value, file, command }, signal);
    if (url === undefined) throw new HoldfastError("E_CONFIG", `the route ${name} has no url`);
    return await post({ url: pingUrl(url, action, id), headers: { "content-type": "text/plain" }, body }, signal);
  };
  return {
    name,
    events,
    job: settings.job,
    send: async (alert, signal) => await send("log", undefined, messageOf(alert), signal),
    ping: async ({ state, id, text }, signal) =>
      await send(String(state), id, messageOf({ title: text, text: "" }), signal),
  };
}

/** Appends the action to the path of the check's address, and the run id to its query. */
function pingUrl(address: string, action: string, id: string | undefined): string {
  const url = parseAddress(addressBelow(address, action));
  if (id !== undefined) url?.searchParams.set("rid", id);
  return url?.href ?? address;
}
