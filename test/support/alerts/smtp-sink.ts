/** A mail server that keeps what it gets. */
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
  readonly secure: boolean;
  readonly user: string | undefined;
}

export interface SmtpSink {
  readonly port: number;
  readonly mails: Mail[];
  close(): Promise<void>;
}

interface SmtpOptions {
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly user?: string;
  readonly password?: string;
}

/** Starts a server: with a certificate it offers STARTTLS, with a user it demands a login. */
export async function startSmtpSink({ tls, user, password }: SmtpOptions = {}): Promise<SmtpSink> {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    ...tls,
    disabledCommands: tls === undefined ? ["STARTTLS"] : [],
    authOptional: user === undefined,
    // Otherwise a login without STARTTLS would be refused by the server, and not by the client.
    allowInsecureAuth: true,
    onAuth: (auth, _session, done) => {
      const known = auth.username === user && auth.password === password;
      done(known ? null : new Error(`no such user: ${String(auth.username)} ${String(auth.password)}`), { user });
    },
    onData: (stream, session, done) => {
      let text = "";
      stream.setEncoding("utf8").on("data", (part: string) => (text += part));
      stream.on("end", () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          text,
          secure: session.secure,
          user: typeof session.user === "string" ? session.user : undefined,
        });
        done();
      });
    },
  });
  server.on("error", () => {}); // a client that ends the connection
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.server.address() as AddressInfo;
  return { port, mails, close: async () => await new Promise((resolve) => server.close(() => resolve())) };
}
