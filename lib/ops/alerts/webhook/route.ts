/** A chat or a push service, by HTTP. */
import { fillTemplate, type WebhookSettings } from "../../../config/settings/alerts.ts";
import type { SiteConfig } from "../../../config/load.ts";
import { readSecret } from "../../../config/secrets.ts";
import { messageOf, type Alert } from "../core/alert.ts";
import { postJson } from "../core/post.ts";
import type { Route } from "../core/route.ts";
import { PRESETS, type WebhookTarget } from "./presets.ts";

/** Returns the route, by preset or by template. */
export const webhookRoute = (
  config: SiteConfig,
  settings: WebhookSettings,
  { name, events }: Pick<Route, "name" | "events">,
): Route => ({
  name,
  events,
  send: async (alert, signal) => {
    const target = await targetOf(config, name, settings, signal);
    const { preset, template } = settings;
    if (preset !== undefined) {
      const { body, ...message } = PRESETS[preset](alert, target);
      return await postJson(message, JSON.stringify(body), signal);
    }
    const { url, token } = target;
    const headers = token === "" ? {} : { authorization: `Bearer ${token}` };
    return await postJson({ url, headers }, templateBody(template ?? "", alert), signal);
  },
});

async function targetOf(
  config: SiteConfig,
  name: string,
  settings: WebhookSettings,
  signal: AbortSignal,
): Promise<WebhookTarget> {
  const { url, url_file, url_command, token, token_file, token_command, chat = "" } = settings;
  const address = { key: `${name}.url`, value: url, file: url_file, command: url_command };
  const secret = { key: `${name}.token`, value: token, file: token_file, command: token_command };
  return {
    url: (await readSecret(config, address, signal)) ?? "",
    token: (await readSecret(config, secret, signal)) ?? "",
    chat,
  };
}

function templateBody(template: string, alert: Alert): string {
  const { title, event, site, host, at } = alert;
  const values = { title, event, site, host, text: messageOf({ title: alert.text, text: "" }), time: at };
  return fillTemplate(template, (field) => (field === "run" ? (alert.run ?? "") : values[field]));
}
