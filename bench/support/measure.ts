/** What a command costs: wall and CPU seconds with all its children, and the largest process. */
import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";

export interface Cost {
  readonly wall: number;
  readonly cpu: number;
  /** Peak resident megabytes of the largest process. */
  readonly rss: number;
}

const SAMPLE_MS = 100;

/** Runs one line of bash and waits for it. Throws when it fails. */
export async function measure(line: string, env: Readonly<Record<string, string>> = {}): Promise<Cost> {
  const child = spawn("bash", ["-c", `set -e -o pipefail; TIMEFORMAT='%R %U %S'; time { ${line}\n}`], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...env },
  });
  let said = "";
  child.stderr.on("data", (data: Buffer) => (said += data.toString()));
  let rss = 0;
  const timer = setInterval(() => (rss = Math.max(rss, largest(child.pid ?? 0))), SAMPLE_MS);
  const code = await new Promise<number | null>((resolve) => void child.on("close", resolve));
  clearInterval(timer);
  const [, wall, user, system] = /([\d.]+) ([\d.]+) ([\d.]+)\n$/.exec(said) ?? [];
  if (code !== 0 || wall === undefined) throw new Error(`${line} ended with ${code}: ${said.slice(-2000)}`);
  return { wall: Number(wall), cpu: Number(user) + Number(system), rss };
}

/** The highest peak of a process or any that descends from it now, in megabytes. */
function largest(root: number): number {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((one) => /^\d+$/.test(one))) {
    const stat = read(`/proc/${name}/stat`);
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
  }
  const isOurs = (pid: number): boolean => pid === root || (pid > 1 && isOurs(parents.get(pid) ?? 0));
  const peaks = [...parents.keys()]
    .filter(isOurs)
    .map((pid) => Number(/VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024);
  return Math.max(0, ...peaks);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // it has just ended
  }
}
