/**
 * One rclone that serves all calls for a remote: `rclone rcd`, on loopback, with a password of its own. A process for each
 * call would read the config, sign in and connect anew for every object. See https://rclone.org/rc/
 */
import { randomBytes } from "node:crypto";
import { Agent, request, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import * as z from "zod";
import { HoldfastError } from "../../errors.ts";
import { startCommand, type RunningCommand } from "../../exec/command.ts";
import { printable } from "../../report/printable.ts";
import type { ByteRange } from "../core/target.ts";

export interface RcloneSettings {
  /** As `cellar:backups/clara`. */
  readonly remote: string;
  readonly configFile: string;
  /** Of an encrypted config file. */
  readonly password: string | undefined;
  /** Bytes a second at most. */
  readonly bandwidth: number | undefined;
  readonly signal: AbortSignal;
}

interface Started {
  readonly program: RunningCommand;
  readonly url: URL;
}

interface Ask {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const USER = "holdfast";
/** A call lasts as long as the transfer of a file. */
const LONGEST_CALL = "8760h";
/** Bytes; the keys of objects are names of files, each byte of which may be three in a URL. */
const LONGEST_HEADER = 65536;
const SERVING = /Serving remote control on (http:\S+)/;
const NOT_FOUND = 404;
const failureSchema = z.object({ error: z.string() });

export class RcloneDaemon {
  readonly #settings: RcloneSettings;
  readonly #secret = randomBytes(24).toString("hex");
  readonly #agent = new Agent({ keepAlive: true });
  #started: Promise<Started> | undefined;

  constructor(settings: RcloneSettings) {
    this.#settings = settings;
  }

  get address(): string {
    return `rclone://${this.#settings.remote}`;
  }

  get remote(): string {
    return this.#settings.remote;
  }

  /** Calls a method of rclone. Throws `E_REMOTE`, also for what is missing, and `E_CONFIG`. */
  async call(method: string, parameters: object): Promise<unknown> {
    const answer = await this.find(method, parameters);
    if (answer === undefined) throw new HoldfastError("E_REMOTE", `${this.address}: ${method} found nothing there`);
    return answer;
  }

  /** As `call`, but returns undefined for what is missing. */
  async find(method: string, parameters: object): Promise<unknown> {
    const headers = { "content-type": "application/json" };
    const response = await this.#ask({ method: "POST", path: `/${method}`, headers, body: JSON.stringify(parameters) });
    if (response.statusCode === NOT_FOUND) return void response.resume();
    const answer: unknown = JSON.parse(await text(response));
    if (response.statusCode === 200) return answer;
    throw this.#failure(failureSchema.safeParse(answer).data?.error ?? "");
  }

  /** Reads an object, or a range of it; undefined if it is missing. Throws `E_REMOTE`, `E_CONFIG`. */
  async read(key: string, range: ByteRange | undefined): Promise<IncomingMessage | undefined> {
    const headers = range === undefined ? {} : { range: `bytes=${range.start}-${range.end}` };
    const response = await this.#ask({ method: "GET", path: this.#served(key), headers });
    if (response.statusCode === NOT_FOUND) return void response.resume();
    if (response.statusCode === 200 || response.statusCode === 206) return response;
    throw this.#failure(await text(response));
  }

  async close(): Promise<void> {
    const started = await this.#started?.catch(() => undefined);
    if (started === undefined) return;
    try {
      if (this.#settings.signal.aborted) return void (await started.program.done.catch(() => {})); // it is being ended
      await this.call("core/quit", {});
      await started.program.done;
    } finally {
      this.#agent.destroy();
    }
  }

  /** Returns the path under which it serves an object: `/[remote]/key`, where the first bracket ends the remote. */
  #served(key: string): string {
    const { remote } = this;
    const bracket = remote.indexOf("]");
    const end = bracket < 0 ? remote.length : Math.max(remote.indexOf(":"), remote.lastIndexOf("/", bracket)) + 1;
    const rest = [remote.slice(end), key].filter((part) => part !== "").join("/");
    return `/${encodeURIComponent(`[${remote.slice(0, end)}]`)}/${rest.split("/").map(encodeURIComponent).join("/")}`;
  }

  async #ask({ method, path, headers, body }: Ask): Promise<IncomingMessage> {
    const { program, url } = await (this.#started ??= this.#start());
    const { signal } = this.#settings;
    const auth = `${USER}:${this.#secret}`;
    try {
      return await new Promise((resolve, reject) => {
        const sent = request(new URL(path, url), { method, headers: { ...headers }, auth, agent: this.#agent, signal });
        sent.once("response", resolve).once("error", reject).end(body);
      });
    } catch (error) {
      signal.throwIfAborted();
      // It has ended: with a config file that it cannot read, for example.
      const { stderr } = await program.done;
      throw this.#failure(lastLine(stderr), error);
    }
  }

  async #start(): Promise<Started> {
    const { signal, configFile, password, bandwidth } = this.#settings;
    // Each of its flags has a variable: what the environment sets is not for us.
    const others = Object.keys(process.env).filter((name) => name.startsWith("RCLONE_"));
    const limit = bandwidth === undefined ? [] : [`--bwlimit=${bandwidth}B`];
    const times = ["read", "write"].map((what) => `--rc-server-${what}-timeout=${LONGEST_CALL}`);
    const listen = ["--rc-addr=127.0.0.1:0", "--rc-serve", `--rc-max-header-bytes=${LONGEST_HEADER}`, ...times];
    const program = startCommand(["rclone", "rcd", "--ask-password=false", "--log-level=NOTICE", ...limit, ...listen], {
      signal,
      code: "E_REMOTE",
      secrets: [this.#secret, ...(password === undefined ? [] : [password])],
      okExitCodes: ANY_STATUS,
      env: {
        ...Object.fromEntries(others.map((name) => [name, undefined])),
        RCLONE_CONFIG: configFile,
        RCLONE_CONFIG_PASS: password,
        RCLONE_RC_USER: USER,
        RCLONE_RC_PASS: this.#secret,
      },
    });
    program.stdin.end();
    program.stdout.resume();
    const address = new Promise<string>((resolve) => {
      let said = "";
      program.stderr.on("data", (chunk: Buffer) => {
        const found = SERVING.exec((said = `${said}${chunk.toString()}`.slice(-4096)))?.[1];
        if (found !== undefined) resolve(found);
      });
    });
    const url = await Promise.race([
      address,
      program.done.then(({ stderr }) => Promise.reject(this.#failure(lastLine(stderr)))),
    ]);
    return { program, url: new URL(url) };
  }

  #failure(said: string, cause?: unknown): HoldfastError {
    const message = `${this.address}: ${said === "" ? "rclone ended before its work was done" : printable(said)}`;
    return /didn't find section in config file|failed to load config file|decrypt|config file .* not found/i.test(said)
      ? new HoldfastError("E_CONFIG", message, {
          hint: "check remote, config_file and password_file of the target: rclone config show",
          cause,
        })
      : new HoldfastError("E_REMOTE", message, { cause });
  }
}

const ANY_STATUS = Array.from({ length: 11 }, (_, status) => status);

/** Returns the last message of its log, without the time. */
const lastLine = (stderr: string): string =>
  (stderr.trim().split("\n").at(-1) ?? "").replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /, "");
