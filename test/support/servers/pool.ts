/**
 * The database servers of a test run. They belong to the process that runs all tests, which lends them to the test files: a
 * file has a server for itself, as new, and the next file gets the same one. So there are as many as are in use at once.
 * The S3 server is one for all.
 * A file asks by the name of an engine on a Unix socket; it has the server until the connection ends, however it ends.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCeph } from "./ceph.ts";
import type { RunningServer, ServerEngine, Template } from "./engine.ts";
import { mariadb } from "./mariadb.ts";
import { postgres } from "./postgres.ts";
import { SharedServer } from "./shared.ts";

/** The environment variable with the socket's path. */
export const POOL_SOCKET = "TEST_SERVERS_SOCKET";

/** Offers servers to all test files, and names the socket in the environment; gives what ends it. */
export async function openPool(): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-test-servers-"));
  const path = join(directory, "socket");
  const pools = [new Pool(postgres()), new Pool(mariadb), new SharedServer("ceph", startCeph)];
  const listener = createServer((socket) => {
    socket.setEncoding("utf8").on("error", () => {}); // a file's process was killed: "close" comes as well
    socket.once("data", (name: string) => {
      const pool = pools.find((one) => one.name === name);
      void pool?.lend(socket);
    });
  });
  await new Promise<void>((resolve) => listener.listen(path, resolve));
  process.env[POOL_SOCKET] = path;
  return async () => {
    listener.close();
    rmSync(directory, { recursive: true, force: true });
    await Promise.all(pools.map(async (pool) => await pool.stop()));
  };
}

class Pool {
  readonly engine: ServerEngine;
  #template: Promise<Template> | undefined;
  /** Servers that no file has, some of them not as new yet. */
  readonly #idle: Promise<RunningServer>[] = [];

  constructor(engine: ServerEngine) {
    this.engine = engine;
  }

  get name(): string {
    return this.engine.name;
  }

  /** Sends a server's endpoint, or an error, as a line of JSON. */
  async lend(socket: Socket): Promise<void> {
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    try {
      const server = await (this.#idle.shift() ?? this.#start());
      try {
        socket.write(`${JSON.stringify(await server.hand())}\n`);
        await closed;
      } finally {
        const renewed = this.#renew(server);
        renewed.catch(() => {}); // the next file is told
        this.#idle.push(renewed);
      }
    } catch (error) {
      socket.end(`${JSON.stringify({ error: error instanceof Error ? error.message : String(error) })}\n`);
    }
  }

  async #start(): Promise<RunningServer> {
    this.#template ??= this.engine.prepare();
    return await this.engine.boot(await this.#template);
  }

  /** The server as new, or another one where it cannot be made so. */
  async #renew(server: RunningServer): Promise<RunningServer> {
    if (await server.reset().catch(() => false)) return server;
    await server.stop();
    return await this.#start();
  }

  async stop(): Promise<void> {
    const servers = await Promise.allSettled(this.#idle);
    await Promise.all(servers.map(async (one) => (one.status === "fulfilled" ? await one.value.stop() : undefined)));
    (await this.#template?.catch(() => undefined))?.remove();
  }
}
