/** The config sections `alerts` and `metrics`. */
import { isJson } from "../../model/json.ts";
import * as z from "zod";
import { command, whole } from "./fields.ts";

/** The events that a route may name. */
export const ALERT_EVENTS = [
  "failure",
  "anomaly",
  "missed",
  "recovery",
  "drill_failed",
  "proof_stale",
  "success",
] as const;
export type AlertEvent = (typeof ALERT_EVENTS)[number];

/** The placeholders of a webhook's template. */
export const TEMPLATE_FIELDS = ["title", "text", "event", "site", "host", "run", "time"] as const;

const PRESETS = ["slack", "discord", "ntfy", "gotify", "telegram", "teams"] as const;

/** The presets that send a token. Telegram has no address of its own: its token is a part of the address. */
const TOKEN_PRESETS: ReadonlySet<string> = new Set(["ntfy", "gotify", "telegram"] satisfies (typeof PRESETS)[number][]);

const nonEmpty = z.string().min(1);

const urlFields = {
  url: nonEmpty.optional().describe("The address, which may be a secret."),
  url_file: nonEmpty.optional().describe("A file whose first line is the address."),
  url_command: command.optional().describe("A command that prints the address."),
};

const given = (...values: readonly unknown[]): number => values.filter((value) => value !== undefined).length;

const healthchecksSchema = z
  .strictObject({
    ...urlFields,
    job: z
      .enum(["backup", "drill", "verify", "push", "watch"])
      .default("backup")
      .describe("The command whose start and exit status are sent: one check of the monitor for each."),
  })
  .refine((value) => given(value.url, value.url_file, value.url_command) === 1, {
    message: "needs exactly one of url, url_file and url_command",
  });

const smtpSchema = z
  .strictObject({
    host: nonEmpty.describe("The mail server."),
    port: whole(1).optional().describe("Its port; 465 with tls: implicit and 587 otherwise, when absent."),
    tls: z
      .enum(["starttls", "implicit", "none"])
      .default("starttls")
      .describe("starttls requires the server to offer it; none sends everything readable."),
    user: nonEmpty.optional().describe("The user's name; no login when absent."),
    password: nonEmpty.optional().describe("The password."),
    password_file: nonEmpty.optional().describe("A file whose first line is the password."),
    password_command: command.optional().describe("A command that prints the password."),
    from: nonEmpty.describe("The sender's address."),
    to: z.array(nonEmpty).min(1).describe("The addresses of the recipients."),
  })
  .refine(
    (value) =>
      given(value.password, value.password_file, value.password_command) === (value.user === undefined ? 0 : 1),
    { message: "user needs exactly one of password, password_file and password_command, and these need user" },
  );

const webhookSchema = z
  .strictObject({
    preset: z.enum(PRESETS).optional().describe("A service whose messages are known; or give a template."),
    template: nonEmpty
      .optional()
      .describe(`The JSON that is sent, in which ${TEMPLATE_FIELDS.map((name) => `{${name}}`).join(", ")} are filled.`),
    ...urlFields,
    token: nonEmpty.optional().describe("The token of ntfy, Gotify or Telegram; with a template, a bearer token."),
    token_file: nonEmpty.optional().describe("A file whose first line is the token."),
    token_command: command.optional().describe("A command that prints the token."),
    chat: nonEmpty.optional().describe("Telegram: the id of the chat, or @channel."),
  })
  .superRefine((value, context) => {
    const issue = (message: string): void => context.addIssue({ code: "custom", message });
    const { preset, template } = value;
    if (given(preset, template) !== 1) issue("needs exactly one of preset and template");
    const urls = given(value.url, value.url_file, value.url_command);
    if (preset === "telegram" ? urls > 1 : urls !== 1) issue("needs exactly one of url, url_file and url_command");
    const tokens = given(value.token, value.token_file, value.token_command);
    if (tokens > 1) issue("needs at most one of token, token_file and token_command");
    if (tokens === 0 && (preset === "gotify" || preset === "telegram")) issue(`${preset} needs a token`);
    if (tokens > 0 && preset !== undefined && !TOKEN_PRESETS.has(preset)) issue(`${preset} takes no token`);
    if ((preset === "telegram") !== (value.chat !== undefined)) issue("chat belongs to telegram, which needs it");
    if (template !== undefined && !isJson(fillTemplate(template, () => "x")))
      issue("template is not JSON, once its placeholders are filled");
  });

const routeSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[\w-][\w.-]*$/)
      .describe("What warnings and alerts test call it."),
    events: z
      .array(z.enum(ALERT_EVENTS))
      .optional()
      .describe("What it reports: when absent all but success, and nothing of what a ping of healthchecks tells."),
    healthchecks: healthchecksSchema.optional().describe("A monitor of the Healthchecks protocol."),
    smtp: smtpSchema.optional().describe("Mail."),
    webhook: webhookSchema.optional().describe("A chat or a push service, by HTTP."),
    command: command.optional().describe("A program that gets the message on standard input, e.g. apprise."),
  })
  .refine((value) => given(value.healthchecks, value.smtp, value.webhook, value.command) === 1, {
    message: "needs exactly one of healthchecks, smtp, webhook and command",
  });

export const alertsSchema = z
  .strictObject({
    max_age: whole(1)
      .default(48)
      .describe("Hours after which the watch misses a run: twice the interval of the backups, here a day."),
    max_duration: whole(1)
      .default(12)
      .describe("Hours after which the watch takes a command that holds the store's lock for hanging."),
    routes: z
      .array(routeSchema)
      .default([])
      .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, { message: "two have one name" })
      .describe("Where alerts go."),
  })
  .describe("Who is told when a backup fails, is missing or is not proved.");

export const metricsSchema = z
  .strictObject({
    textfile: nonEmpty.describe(
      "The directory of the node exporter's textfile collector; holdfast_<site>.prom is in it.",
    ),
  })
  .describe("Metrics for Prometheus.");

export type RouteSettings = z.infer<typeof routeSchema>;
export type HealthchecksSettings = z.infer<typeof healthchecksSchema>;
export type SmtpSettings = z.infer<typeof smtpSchema>;
export type WebhookSettings = z.infer<typeof webhookSchema>;

/** Fills the placeholders of a template with values, which are escaped for the inside of a JSON string. */
export function fillTemplate(template: string, valueOf: (field: (typeof TEMPLATE_FIELDS)[number]) => string): string {
  return template.replaceAll(/\{(\w+)\}/g, (placeholder, name: string) => {
    const field = TEMPLATE_FIELDS.find((one) => one === name);
    return field === undefined ? placeholder : JSON.stringify(valueOf(field)).slice(1, -1);
  });
}
