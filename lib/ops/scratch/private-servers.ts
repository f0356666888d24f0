/** Private servers for the dumps of a run: one for each engine and version, started when it is needed. */
import path from "node:path";
import type { DatabaseTarget, EngineName } from "../../database/snapshot.ts";
import { startPrivateServer, type PrivateServer } from "../../database/access/private-server.ts";
import type { Sandbox } from "./sandbox.ts";

/** Returns the server's family; MariaDB loads MySQL's dumps too. */
export const familyOf = (engine: EngineName): "postgresql" | "mariadb" =>
  engine === "postgresql" ? "postgresql" : "mariadb";

export class PrivateServers {
  readonly #sandbox: Sandbox;
  readonly #signal: AbortSignal;
  readonly #servers = new Map<string, PrivateServer>();

  constructor(sandbox: Sandbox, signal: AbortSignal) {
    this.#sandbox = sandbox;
    this.#signal = signal;
  }

  /** Returns a server that is compatible with a dump of this engine and version. Throws if it cannot be started. */
  async serverFor(engine: EngineName, version: string): Promise<DatabaseTarget> {
    const family = familyOf(engine);
    const major = family === "postgresql" ? Number.parseInt(version, 10) : Number.NaN;
    const key = `${family} ${major}`;
    const server =
      this.#servers.get(key) ??
      (await startPrivateServer(family, {
        directory: path.dirname(this.#sandbox.directory),
        signal: this.#signal,
        ...(Number.isNaN(major) ? {} : { major }),
      }));
    this.#servers.set(key, server);
    return server.target;
  }

  async close(): Promise<void> {
    for (const server of this.#servers.values()) await server.stop();
  }
}
