/** Mail, by SMTP. */
import { connect, type Socket } from "node:net";
import type { SmtpSettings } from "../../../config/settings/alerts.ts";
import type { SiteConfig } from "../../../config/load.ts";
import { readSecret } from "../../../config/secrets.ts";
import { messageOf, type Alert, type Delivery } from "../core/alert.ts";
import { reasonOf } from "../core/reason.ts";
import type { Route } from "../core/route.ts";

/** Returns the route. With `tls: starttls` nothing is sent to a server that does not offer it. */
export const smtpRoute = (
  config: SiteConfig,
  settings: SmtpSettings,
  { name, events }: Pick<Route, "name" | "events">,
): Route => ({
  name,
  events,
  send: async (alert, signal) => {
    const { password: value, password_file: file, password_command: command } = settings;
    const pass = await readSecret(config, { key: `${name}.password`, value, file, command }, signal);
    return await deliver(settings, pass, alert, signal);
  },
});

async function deliver(
  { host, port, tls, user, from, to }: SmtpSettings,
  pass: string | undefined,
  alert: Alert,
  signal: AbortSignal,
): Promise<Delivery> {
  signal.throwIfAborted();
  const { createTransport } = await import("nodemailer");
  const secure = tls === "implicit";
  const place = { host, port: port ?? (secure ? 465 : 587) };
  let socket: Socket | undefined;
  const transport = createTransport({
    ...place,
    secure,
    requireTLS: tls === "starttls",
    ignoreTLS: tls === "none",
    ...(user !== undefined && { auth: { user, pass: pass ?? "" } }),
    disableFileAccess: true,
    disableUrlAccess: true,
    // A socket of our own can be ended when the time is over.
    getSocket: (_options, done) => {
      const connection = connect(place);
      socket = connection;
      connection.once("error", done);
      connection.once("connect", () => {
        connection.off("error", done);
        done(null, { connection });
      });
    },
  });
  const end = (): void => void socket?.destroy(new DOMException("no answer in time", "AbortError"));
  signal.addEventListener("abort", end, { once: true });
  try {
    const { response } = await transport.sendMail({
      from,
      to: [...to],
      subject: alert.title,
      text: messageOf(alert),
      headers: { "auto-submitted": "auto-generated", "x-holdfast-event": alert.event, "x-holdfast-site": alert.site },
    });
    return { ok: true, answer: `${response.slice(0, 3)} accepted` };
  } catch (error) {
    if (signal.aborted) return { ok: false, answer: "no answer in time" };
    return { ok: false, answer: smtpReason(error) };
  } finally {
    signal.removeEventListener("abort", end);
    socket?.destroy();
  }
}

/** Returns the server's status, else the code of the error; the server's words may quote the user. */
function smtpReason(error: unknown): string {
  const status = error instanceof Error && "responseCode" in error ? error.responseCode : undefined;
  return typeof status === "number" ? `refused with ${status}` : reasonOf(error);
}
