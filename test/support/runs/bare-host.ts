/** A host that has the tools of a recovery kit's README.md alone: no Node, no checkout, an empty environment. */
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { runOnTerminal, type Answer, type TerminalResult } from "../commands/on-terminal.ts";
import { PROJECT } from "../commands/run.ts";

/** What every Debian has, and what README.md of a kit tells to install. */
const BASE =
  "awk basename bash cat chmod chown cp cut dirname find grep gunzip gzip id install ls mkdir mktemp rm sed sh sha256sum sort touch tr xargs";
const INSTALLED = "age createdb jq pg_restore psql setfattr sqlite3 ssh-keygen tar unzip";

export class BareHost {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    for (const name of ["bin", "home", "tmp"]) mkdirSync(join(directory, name), { recursive: true });
    for (const name of `${BASE} ${INSTALLED}`.split(" ")) {
      const program = execFileSync("/bin/sh", ["-c", 'command -v "$1"', "sh", name], { encoding: "utf8" }).trim();
      symlinkSync(program, join(directory, "bin", name));
    }
  }

  get temporary(): string {
    return join(this.#directory, "tmp");
  }

  /** Runs a command on a terminal, where the checkout is an empty directory. */
  async run(
    argv: readonly string[],
    { answers = [], env = {} }: { readonly answers?: readonly Answer[]; readonly env?: Record<string, string> } = {},
  ): Promise<TerminalResult> {
    const hide = 'mount -t tmpfs holdfast-test "$1" && shift && exec "$@"';
    const own = ["PATH=" + join(this.#directory, "bin"), `HOME=${join(this.#directory, "home")}`];
    const clean = [
      ...own,
      `TMPDIR=${this.temporary}`,
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ];
    const enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", hide, "sh", PROJECT];
    return await runOnTerminal([...enter, "env", "-i", ...clean, ...argv], answers);
  }
}
