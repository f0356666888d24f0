/** Follows RESTORE.md as a person would. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Runs the commands of a run's RESTORE.md, with another root; `identity` opens a sealed run. */
export function followGuide(run: string, root: string, outside: string, identity?: string): void {
  const guide = readFileSync(join(run, "RESTORE.md"), "utf8");
  const blocks = [...guide.matchAll(/```bash\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
  const [first = "", ...rest] = blocks;
  const start = first
    .replace(/^ROOT=.*$/m, () => `ROOT=${shell(root)}`)
    .replace(/^OUTSIDE=.*$/m, () => `OUTSIDE=${shell(outside)}`);
  mkdirSync(root);
  mkdirSync(outside);
  const script = ["set -e", start, ...rest].join("\n");
  const env = identity === undefined ? process.env : { ...process.env, IDENTITY: identity };
  execFileSync("bash", ["-c", script], { cwd: run, env, stdio: ["ignore", "pipe", "pipe"] });
}

const shell = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
