/** Checks the free space: what the next run will need, and a reserve. */
import { statfs } from "node:fs/promises";
import { formatBytes } from "../../report/format.ts";
import type { Finding } from "./check.ts";

/** Below this limit databases and logs begin to fail. */
const LEAST_BYTES = 256 * 1024 * 1024;

/** Checks a disk; `wanted` is the size that the last run wrote. Throws if the directory does not exist. */
export async function checkDisk(directory: string | undefined, wanted: number): Promise<Finding> {
  if (directory === undefined) return { figure: "", problems: [], notProved: "no store is configured" };
  const { bavail, blocks, bsize } = await statfs(directory);
  const free = bavail * bsize;
  const least = Math.max(LEAST_BYTES, wanted);
  const figure = `${formatBytes(free)} free of ${formatBytes(blocks * bsize)}`;
  if (free >= least) return { figure, problems: [] };
  const why =
    wanted > LEAST_BYTES ? `the last run wrote ${formatBytes(wanted)}` : `the minimum is ${formatBytes(least)}`;
  return { figure, problems: [{ path: directory, message: `only ${formatBytes(free)} free; ${why}` }] };
}
