/** A server that all test files of a run use at once, each in a part of its own; started when the first asks for it. */
import type { Socket } from "node:net";

interface StartedServer {
  readonly endpoint: unknown;
  stop(): Promise<void>;
}

export class SharedServer {
  readonly name: string;
  readonly #start: () => Promise<StartedServer>;
  #server: Promise<StartedServer> | undefined;

  constructor(name: string, start: () => Promise<StartedServer>) {
    this.name = name;
    this.#start = start;
  }

  /** Sends the server's endpoint, or an error, as a line of JSON. */
  async lend(socket: Socket): Promise<void> {
    this.#server ??= this.#start();
    try {
      socket.end(`${JSON.stringify((await this.#server).endpoint)}\n`);
    } catch (error) {
      socket.end(`${JSON.stringify({ error: error instanceof Error ? error.message : String(error) })}\n`);
    }
  }

  async stop(): Promise<void> {
    await (await this.#server?.catch(() => undefined))?.stop();
  }
}
