/** Private servers for the dumps of a run: one for each engine and version, started when it is needed. */
import path from "node:path";
import { databaseEngine } from "../../database/engines/registry.ts";
import type { DatabaseTarget, EngineName } from "../../database/snapshot.ts";
import { startPrivateServer, type PrivateServer } from "../../database/access/private-server.ts";
import { HoldfastError } from "../../errors.ts";
import type { Sandbox } from "./sandbox.ts";

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
    const { family, server: program } = databaseEngine(engine);
    if (program === undefined) throw new HoldfastError("E_INTERNAL", `${engine} has no server`);
    const wanted = program.versionOf(version);
    const key = `${family} ${wanted ?? ""}`;
    const server =
      this.#servers.get(key) ??
      (await startPrivateServer(program, {
        directory: path.dirname(this.#sandbox.directory),
        signal: this.#signal,
        version: wanted,
      }));
    this.#servers.set(key, server);
    return server.target;
  }

  async close(): Promise<void> {
    for (const server of this.#servers.values()) await server.stop();
  }
}
