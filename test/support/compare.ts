/** Compares trees without a line of the code under test: names as bytes, contents, types, modes, times, link targets. */
import { closeSync, lstatSync, openSync, readSync, readdirSync, readlinkSync, type BigIntStats } from "node:fs";

export interface CompareOptions {
  /** Paths (one character a byte) that may differ or be missing on either side, with all below them. */
  readonly ignore?: (path: string) => boolean;
  /** What the format under test cannot hold. */
  readonly without?: readonly ("mode" | "mtime" | "owner" | "links")[];
}

/**
 * The differences between the directories `a` and `b`, one line each; empty when they hold the same. Whole-second times; owners; which
 * names are one file (hard links). The roots themselves are not compared.
 */
export function compareTrees(a: string, b: string, options: CompareOptions = {}): string[] {
  const [left, right] = [list(a, options), list(b, options)];
  const differences: string[] = [];
  for (const path of [...new Set([...left.keys(), ...right.keys()])].sort()) {
    const [mine, other] = [left.get(path), right.get(path)];
    if (mine === undefined) differences.push(`${show(path)}: only in ${b}`);
    else if (other === undefined) differences.push(`${show(path)}: only in ${a}`);
    else differences.push(...compareEntry(path, mine, other, options));
  }
  if (options.without?.includes("links") !== true) differences.push(...compareLinks(left, right));
  return differences;
}

interface Found {
  readonly file: Buffer;
  readonly stat: BigIntStats;
}

function list(root: string, options: CompareOptions): Map<string, Found> {
  const found = new Map<string, Found>();
  const waiting = [""];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    for (const name of readdirSync(at(root, directory), { encoding: "buffer" })) {
      const path = `${directory === "" ? "" : `${directory}/`}${name.toString("latin1")}`;
      if (options.ignore?.(path) === true) continue;
      const file = at(root, path);
      const stat = lstatSync(file, { bigint: true });
      found.set(path, { file, stat });
      if (stat.isDirectory()) waiting.push(path);
    }
  }
  return found;
}

const at = (root: string, path: string): Buffer =>
  Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, "latin1")]);

function compareEntry(path: string, mine: Found, other: Found, { without = [] }: CompareOptions): string[] {
  const differences: string[] = [];
  const check = (what: string, left: unknown, right: unknown): void => {
    if (left !== right) differences.push(`${show(path)}: ${what} ${String(left)} and ${String(right)}`);
  };
  check("type", typeOf(mine.stat), typeOf(other.stat));
  if (differences.length > 0) return differences;
  const link = mine.stat.isSymbolicLink();
  if (!link && !without.includes("mode")) check("mode", octal(mine.stat), octal(other.stat));
  if (!without.includes("mtime")) check("mtime", seconds(mine.stat), seconds(other.stat));
  if (!without.includes("owner"))
    check("owner", `${mine.stat.uid}:${mine.stat.gid}`, `${other.stat.uid}:${other.stat.gid}`);
  if (link) check("target", target(mine), target(other));
  if (mine.stat.isFile()) {
    check("size", mine.stat.size, other.stat.size);
    if (mine.stat.size === other.stat.size && !sameBytes(mine.file, other.file))
      differences.push(`${show(path)}: content`);
  }
  return differences;
}

const target = (found: Found): string => readlinkSync(found.file, { encoding: "buffer" }).toString("latin1");
const octal = (stat: BigIntStats): string => (stat.mode & 0o7777n).toString(8);
const seconds = (stat: BigIntStats): bigint =>
  (stat.mtimeNs - (((stat.mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n)) / 1_000_000_000n;

function typeOf(stat: BigIntStats): string {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  return stat.isFIFO() ? "fifo" : "other";
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  const [left, right] = [openSync(a, "r"), openSync(b, "r")];
  try {
    const [mine, other] = [Buffer.alloc(1 << 20), Buffer.alloc(1 << 20)];
    for (;;) {
      const length = readSync(left, mine);
      if (readSync(right, other) !== length || !mine.subarray(0, length).equals(other.subarray(0, length)))
        return false;
      if (length === 0) return true;
    }
  } finally {
    closeSync(left);
    closeSync(right);
  }
}

/** Names that are one file on one side and several on the other. */
function compareLinks(left: Map<string, Found>, right: Map<string, Found>): string[] {
  const groups = (found: Map<string, Found>): Map<string, string> => {
    const byInode = new Map<bigint, string[]>();
    for (const [path, { stat }] of found)
      if (stat.isFile() && stat.nlink > 1n) byInode.set(stat.ino, [...(byInode.get(stat.ino) ?? []), path]);
    const grouped = [...byInode.values()].filter((paths) => paths.length > 1).map((paths) => paths.sort());
    return new Map(grouped.flatMap((paths) => paths.map((path) => [path, paths.map(show).join(" = ")])));
  };
  const [mine, other] = [groups(left), groups(right)];
  return [...new Set([...mine.keys(), ...other.keys()])]
    .filter((path) => left.has(path) && right.has(path) && mine.get(path) !== other.get(path))
    .map((path) => `${show(path)}: hard links ${mine.get(path) ?? "none"} and ${other.get(path) ?? "none"}`);
}

/** A name that stays on one line and shows every byte that is not printable. */
const show = (path: string): string => JSON.stringify(path);
