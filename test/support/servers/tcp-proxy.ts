/** A TCP proxy that counts what goes through it and cuts connections, for clients of servers that tests start. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { HOST } from "./process.ts";

export interface TcpProxy {
  readonly port: number;
  /** The bytes that went through since the proxy was started or reset: `up` from clients to the server. */
  readonly bytes: { readonly up: number; readonly down: number };
  /** The number of connections that were made, and of those that were cut. */
  readonly connections: number;
  readonly cuts: number;
  /** Sets the counts back to 0. */
  reset(): void;
  /**
   * Cuts each connection once so many bytes of it went through, to the byte, either way; undefined cuts no more. Until
   * `cutting` resolves the connection hangs, so that the server can take in what has arrived.
   */
  cutAfter(bytes: number | undefined, cutting?: () => Promise<unknown>): void;
  close(): Promise<void>;
}

/** Starts a proxy for the server at a port of this host. */
export async function startTcpProxy(serverPort: number): Promise<TcpProxy> {
  const state = { up: 0, down: 0, connections: 0, cuts: 0, limit: undefined as number | undefined };
  let cutting = async (): Promise<unknown> => await Promise.resolve();
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    state.connections++;
    const upstream = connect(serverPort, HOST);
    const cut = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", cut).once("close", () => {
        sockets.delete(socket);
        cut();
      });
    }
    let passed = 0;
    /** Passes what may still go through, and cuts if that is not all. */
    const forward = (chunk: Buffer, to: Socket): void => {
      const left = state.limit === undefined ? chunk.length : Math.max(state.limit - passed, 0);
      const part = chunk.subarray(0, left);
      passed += part.length;
      if (to === upstream) state.up += part.length;
      else state.down += part.length;
      if (part.length === chunk.length) return pass(to === upstream ? client : upstream, to, part);
      state.cuts++;
      (to === upstream ? client : upstream).pause();
      to.write(part, () => void cutting().finally(cut));
    };
    client.on("data", (chunk: Buffer) => forward(chunk, upstream));
    upstream.on("data", (chunk: Buffer) => forward(chunk, client));
  });
  const port = await listen(server);
  return {
    port,
    get bytes() {
      return { up: state.up, down: state.down };
    },
    get connections() {
      return state.connections;
    },
    get cuts() {
      return state.cuts;
    },
    reset: () => void Object.assign(state, { up: 0, down: 0, connections: 0, cuts: 0 }),
    cutAfter: (bytes, when = async () => await Promise.resolve()) => {
      state.limit = bytes;
      cutting = when;
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Writes to the other end, and reads no more until it has taken it. */
function pass(from: Socket, to: Socket, chunk: Buffer): void {
  if (to.destroyed || to.write(chunk)) return;
  from.pause();
  to.once("drain", () => from.resume());
}

async function listen(server: Server): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.once("error", reject).listen(0, HOST, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}
