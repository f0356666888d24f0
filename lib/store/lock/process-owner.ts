/** Identifies the holder of a lock, and decides by /proc, never by age, whether that process still runs. */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import * as z from "zod";
import { systemCode } from "../../errors.ts";

/** The environment variable by which every descendant of a holder carries the holder's token. */
export const TOKEN_VARIABLE = "HOLDFAST_LOCK_TOKEN";

export const ownerSchema = z.object({
  host: z.string(),
  boot_id: z.string(),
  pid: z.number().int().positive(),
  /** `pid:[4026531836]`: pids of another namespace, another container's, mean nothing here. */
  pid_namespace: z.string().optional(),
  /** Start time in clock ticks since boot: field 22 of /proc/PID/stat, see proc(5). A reused pid has another. */
  started: z.string(),
  /** Name of the command, e.g. `backup_all`; never its arguments. */
  command: z.string(),
  /** The token, a part of file names. */
  token: z.string().regex(/^[\w-]{1,64}$/),
  since: z.string(),
});
export type LockOwner = z.infer<typeof ownerSchema>;

/** Returns this process as an owner. */
export function ownerOfThisProcess(command: string, token: string): LockOwner {
  const here = thisKernel();
  return {
    host: hostname(),
    boot_id: here.boot_id,
    pid: process.pid,
    ...(here.pid_namespace === undefined ? {} : { pid_namespace: here.pid_namespace }),
    started: processStart(process.pid)?.started ?? "",
    command,
    token,
    since: new Date().toISOString(),
  };
}

/** The state of an owner; `unknown` on another host or in another container. */
export type Liveness = "alive" | "dead" | "unknown";

/** Checks whether the owner still runs. A stopped process is alive; a zombie is dead. */
export function livenessOf(owner: LockOwner): Liveness {
  if (owner.host !== hostname()) return "unknown";
  const here = thisKernel();
  if (owner.boot_id !== here.boot_id) return "dead";
  if (owner.pid_namespace !== undefined && owner.pid_namespace !== here.pid_namespace) return "unknown";
  if (!exists(owner.pid)) return "dead";
  const found = processStart(owner.pid);
  if (found === undefined) return exists(owner.pid) ? "alive" : "dead"; // hidden from this user, or just gone
  return found.started === owner.started && !found.ended ? "alive" : "dead";
}

/** `backup_all (pid 4711 on web1) since 2026-11-20T02:00:00Z` */
export function describeOwner(owner: LockOwner): string {
  return `${owner.command} (pid ${owner.pid} on ${owner.host}) since ${owner.since}`;
}

/** Lists other processes with the token in their environment, as far as this user may see. */
export function processesHolding(token: string): number[] {
  const wanted = `${TOKEN_VARIABLE}=${token}`;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => readProc(`${pid}/environ`)?.split("\0").includes(wanted) ?? false);
}

function thisKernel(): { boot_id: string; pid_namespace: string | undefined } {
  let namespace: string | undefined;
  try {
    namespace = readlinkSync("/proc/self/ns/pid");
  } catch {
    namespace = undefined; // a kernel without namespaces
  }
  return { boot_id: readProc("sys/kernel/random/boot_id")?.trim() ?? "", pid_namespace: namespace };
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== "ESRCH";
  }
}

function processStart(pid: number): { started: string; ended: boolean } | undefined {
  const stat = readProc(`${pid}/stat`);
  if (stat === undefined) return undefined;
  // The second field is the program's name in brackets, which may itself hold brackets and spaces; the third follows
  // the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { started: fields[22 - 3] ?? "", ended: fields[0] === "Z" || fields[0] === "X" };
}

function readProc(name: string): string | undefined {
  try {
    return readFileSync(`/proc/${name}`, "latin1");
  } catch {
    return undefined; // it ended meanwhile, or it is not ours to see
  }
}
