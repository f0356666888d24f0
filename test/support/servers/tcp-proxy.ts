/** A TCP proxy that counts what passes it, and cuts connections. */
import { connect, createServer, type Socket } from "node:net";
import { HOST } from "./process.ts";

export interface TcpProxy {
  readonly port: number;
  /** Bytes from clients to the server so far. */
  readonly sent: () => number;
  /** Cuts each connection after so many bytes to the server, for the next `times` connections that come to it. */
  cutAfter(bytes: number, times: number): void;
  /** The number of connections that were cut. */
  readonly cuts: () => number;
  close(): Promise<void>;
}

/** Listens on a free port. */
export async function startProxy(port: number): Promise<TcpProxy> {
  let sent = 0;
  let cuts = 0;
  let limit = { bytes: Number.POSITIVE_INFINITY, times: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, HOST);
    let own = 0;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {}); // "close" follows
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("data", (chunk: Buffer) => {
      sent += chunk.length;
      own += chunk.length;
      if (limit.times > 0 && own > limit.bytes) {
        limit = { ...limit, times: limit.times - 1 };
        cuts++;
        client.destroy();
        return;
      }
      if (!upstream.write(chunk)) client.pause();
    });
    upstream.on("drain", () => client.resume());
    upstream.pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    sent: () => sent,
    cutAfter: (bytes, times) => void (limit = { bytes, times }),
    cuts: () => cuts,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}
