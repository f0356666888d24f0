/** The messages of chat and push services: address, headers and JSON of each. */
import type { AlertEvent, WebhookSettings } from "../../../config/settings/alerts.ts";
import { addressBelow, parseAddress } from "../core/address.ts";
import { cutBytes, cutText, messageOf, type Alert } from "../core/alert.ts";

/** The address and the secrets of a webhook. */
export interface WebhookTarget {
  readonly url: string;
  readonly token: string;
  readonly chat: string;
}

export interface WebhookMessage {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** Events that are good news. */
const GOOD: ReadonlySet<AlertEvent | "test"> = new Set(["recovery", "success", "test"]);

const bearer = (token: string) => (token === "" ? {} : { headers: { authorization: `Bearer ${token}` } });

export const PRESETS: Readonly<
  Record<NonNullable<WebhookSettings["preset"]>, (alert: Alert, target: WebhookTarget) => WebhookMessage>
> = {
  // `&`, `<` and `>` are its markup: <!channel> would call everyone.
  slack: (alert, { url }) => ({ url, body: { text: cutText(escapeMarkup(messageOf(alert)), 39_000) } }),

  discord: ({ event, title, text }, { url }) => ({
    url,
    body: {
      embeds: [
        {
          title: cutText(title, 256),
          ...(text !== "" && { description: cutText(text, 4096) }),
          color: GOOD.has(event) ? 0x2e_a0_43 : 0xd7_3a_49,
        },
      ],
      allowed_mentions: { parse: [] },
    },
  }),

  // JSON goes to the root of the server, and names the topic.
  ntfy: ({ event, title, text }, { url, token }) => {
    const address = parseAddress(url);
    const topic = decodeURIComponent(address?.pathname.split("/").at(-1) ?? "");
    if (address !== undefined) address.pathname = address.pathname.replace(/[^/]*$/, "");
    return {
      url: address?.href ?? url,
      ...bearer(token),
      body: {
        topic,
        title: cutText(title, 250),
        message: cutBytes(text === "" ? title : text, 4000),
        priority: GOOD.has(event) ? 3 : 4,
        tags: [GOOD.has(event) ? "white_check_mark" : "warning"],
      },
    };
  },

  gotify: ({ event, title, text }, { url, token }) => ({
    url: addressBelow(url, "message"),
    headers: { "x-gotify-key": token },
    body: {
      title,
      message: cutBytes(text === "" ? title : text, 20_000),
      priority: GOOD.has(event) ? 4 : 8,
      extras: { "client::display": { contentType: "text/plain" } },
    },
  }),

  // Without parse_mode the text is plain.
  telegram: (alert, { url, token, chat }) => ({
    url: addressBelow(url === "" ? "https://api.telegram.org" : url, `bot${token}/sendMessage`),
    body: { chat_id: chat, text: cutText(messageOf(alert), 4096), link_preview_options: { is_disabled: true } },
  }),

  teams: ({ title, text }, { url }) => ({
    url,
    body: {
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
              block(title, { size: "Medium", weight: "Bolder" }),
              ...cutBytes(text, 20_000)
                .split("\n")
                .map((line) => block(line, { spacing: "None" })),
            ],
          },
        },
      ],
    },
  }),
};

const escapeMarkup = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** Returns a paragraph of a card; a backslash keeps its text from being read as Markdown. */
const block = (text: string, style: Readonly<Record<string, string>>) => ({
  type: "TextBlock",
  text: text.replaceAll(/[\\`*_[\]#]/g, String.raw`\$&`),
  wrap: true,
  ...style,
});
