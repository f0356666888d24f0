/**
 * A host as the documentation describes it, in a temporary directory: its /srv, /etc, /opt and so on lie over the real ones in the mount
 * namespace of each script that runs there, and nowhere else.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { builtScript } from "../commands/build.ts";
import { PROJECT } from "../commands/run.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const LIMIT_MS = 180_000;

export interface ScriptOptions {
  /** ISO 8601; what Node's clock shows there. */
  readonly clock: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface ScriptResult {
  /** The first command whose exit status was not 0, and the status. */
  readonly failed: string | undefined;
  readonly output: string;
}

/** Whether this process may make mount namespaces. */
export const canEnterWorlds = (): boolean =>
  spawnSync("unshare", ["--mount", "--propagation", "private", "mount", "--bind", "/mnt", "/mnt"]).status === 0;

export class World {
  readonly #directory: string;
  readonly #env: Record<string, string>;

  /** Makes an empty host in `directory`, with the checkout in /opt/holdfast, installed and built. */
  constructor(directory: string) {
    this.#directory = directory;
    for (const name of ["etc", "mnt", "opt", "root", "srv", "var", "tmp"])
      mkdirSync(this.path(name), { recursive: true });
    execFileSync("cp", ["-a", "/etc/.", this.path("etc")]);
    execFileSync("chmod", ["1777", this.path("tmp")]);
    for (const name of ["etc/systemd/system", "var/lib"]) mkdirSync(this.path(name), { recursive: true });
    symlinkSync("/run", this.path("var/run"));
    this.#addTools();
    this.#addCheckout();
    this.#env = {
      PATH: "/opt/.world/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: "/root",
      LANG: "C.UTF-8",
      TZ: "UTC",
      TERM: "dumb",
      NODE_OPTIONS: "--import /opt/.world/clock.mjs",
    };
  }

  /** The real path of a path of the world, given without its first slash. */
  path(...parts: readonly string[]): string {
    return join(this.#directory, ...parts);
  }

  write(path: string, text: string, mode = 0o644): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), text, { mode });
  }

  /** Sets a variable for all scripts to come. */
  setEnvironment(values: Readonly<Record<string, string>>): void {
    Object.assign(this.#env, values);
  }

  /** Runs commands one after the other in one shell, in /opt/holdfast, up to the first that fails. Prompts get the answer that they ask for. */
  async run(commands: readonly string[], { clock, env = {} }: ScriptOptions): Promise<ScriptResult> {
    const check = 'check() { [ "$1" = 0 ] || { printf "%s: exit status %s" "$2" "$1" >/opt/.world/failed; exit 1; }; }';
    const script = commands.flatMap((command) => [command, `check $? '${command.replaceAll("'", "'\\''")}'`]);
    this.write("opt/.world/failed", "");
    this.write("opt/.world/script", `${check}\n${script.join("\n")}\n`);
    const enter = [join(HERE, "enter.sh"), this.#directory, join(PROJECT, "node_modules"), process.execPath];
    const { code, output } = await this.#start([...enter, "/opt/.world/script"], {
      ...this.#env,
      WORLD_CLOCK: clock,
      ...env,
    });
    if (code === 0) return { failed: undefined, output };
    return { failed: readFileSync(this.path("opt/.world/failed"), "utf8") || `exit status ${code}`, output };
  }

  async #start(argv: readonly string[], env: Record<string, string>): Promise<{ code: number | null; output: string }> {
    const child = spawn("unshare", ["--mount", "--propagation", "private", "--", ...argv], {
      env,
      stdio: ["pipe", "ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stderr, child.stdio[3]]) {
      stream?.on("data", (data: Buffer) => {
        output += data.toString();
        const [, answer] = /^Type (\S+) to [^\n]+: $/m.exec(output.slice(output.lastIndexOf("\n") + 1)) ?? [];
        if (answer !== undefined) child.stdin?.write(`${answer}\n`);
      });
    }
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, LIMIT_MS);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    clearTimeout(timer);
    return { code, output: late ? `${output}\nended after ${LIMIT_MS} ms` : output };
  }

  /** Puts the stubs, what starts and times Node, and the build beside the checkout. */
  #addTools(): void {
    mkdirSync(this.path("opt/.world/node_modules"), { recursive: true });
    cpSync(join(HERE, "bin"), this.path("opt/.world/bin"), { recursive: true });
    this.write("opt/.world/bin/node", "");
    cpSync(join(HERE, "clock.mjs"), this.path("opt/.world/clock.mjs"));
    execFileSync("cp", ["-a", join(dirname(builtScript("backup_all")), ".."), this.path("opt/.world/dist")]);
  }

  #addCheckout(): void {
    const checkout = this.path("opt/holdfast");
    mkdirSync(checkout);
    const names = [".gitignore", "bench", "config", "docs", "lib", "package-lock.json", "package.json", "README.md"];
    const more = ["scripts", "test.sh", "tsconfig.build.json", "tsconfig.json"];
    execFileSync("cp", ["-a", ...[...names, ...more].map((name) => join(PROJECT, name)), checkout]);
    symlinkSync("../.world/node_modules", join(checkout, "node_modules"));
    // Newer than the sources: else it would not be used.
    execFileSync("cp", ["-r", this.path("opt/.world/dist"), join(checkout, "dist")]);
  }
}
