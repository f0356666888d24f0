/** An HTTP server that keeps what it gets, and answers as it is told to: also not at all. */
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";

export interface SinkRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly at: number;
}

/** How the sink answers: with a status, by a redirect, never, or by closing the connection. */
export type SinkAnswer = number | { readonly redirect: string } | "hang" | "drop";

export interface HttpSink {
  readonly url: string;
  readonly requests: SinkRequest[];
  answer: SinkAnswer;
  close(): Promise<void>;
}

/** Starts a sink on a free port; with a key and certificate by HTTPS. */
export async function startHttpSink(
  answer: SinkAnswer = 200,
  tls?: { readonly key: string; readonly cert: string },
): Promise<HttpSink> {
  const requests: SinkRequest[] = [];
  const sockets = new Set<Socket>();
  const sink = { answer };
  const server: Server = tls === undefined ? createServer() : createSecureServer(tls);
  server.on("request", (request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      requests.push({ method, path: url, headers, body, at: Date.now() });
      if (sink.answer === "hang") return;
      if (sink.answer === "drop") request.socket.destroy();
      else if (typeof sink.answer === "number") response.writeHead(sink.answer).end("said by the sink: {token}");
      else response.writeHead(307, { location: sink.answer.redirect }).end();
    });
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    requests,
    get answer() {
      return sink.answer;
    },
    set answer(next) {
      sink.answer = next;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
