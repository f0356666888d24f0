/** Reads runs of a tree: documents are fetched together, each other file when it is asked for. */
import { createReadStream } from "node:fs";
import { lstat } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import { HoldfastError, systemCode } from "../../errors.ts";
import { startCommand } from "../../exec/command.ts";
import { openRegular, readRegular } from "../../archive/files/regular-file.ts";
import { MOST_LIST } from "../../archive/limits.ts";
import { readSums, SIGNATURE_FILE, SUMS_FILE } from "../../store/run/checksums.ts";
import { checked } from "../core/checked-stream.ts";
import type { ByteRange, RunReader } from "../core/target.ts";
import type { Cache } from "./fetch.ts";
import { completeDirectory, type Tree } from "./tree.ts";

/** Small files by their names, wherever they are in a run. */
const DOCUMENTS = [SUMS_FILE, SIGNATURE_FILE, "*.json", "*.jsonl", "*.md", "*.log", "*.tsv", "*.yaml", "*.sig"];

/** Opens a run, as `Target.reader` promises it. */
export async function openRun(tree: Tree, cache: Cache, run: string): Promise<RunReader> {
  const directory = await completeDirectory(tree, run);
  const include = DOCUMENTS.map((name) => `--include=${name}`);
  const here = await cache.directory(directory, [...include, "--include=*/", "--exclude=*", "--prune-empty-dirs"]);
  const digests = readSums(here);
  if (digests === undefined)
    throw new HoldfastError("E_VERIFY", `${tree.place.address}/${directory}/${SUMS_FILE} is missing or malformed`);
  return {
    run,
    sums: readRegular(path.join(here, SUMS_FILE), MOST_LIST, "E_VERIFY"),
    signature: await readIfThere(path.join(here, SIGNATURE_FILE)),
    digests,
    async open(name, range) {
      const sha256 = digests.get(name);
      if (sha256 === undefined) throw new HoldfastError("E_MISSING", `the run ${run} has no ${name}`);
      const file = `${directory}/${name}`;
      if (range !== undefined) return await openRange(tree, cache, file, range);
      return checked(streamOf(await cache.file(file)), `${tree.place.address}/${file}`, sha256, tree.context.signal);
    },
  };
}

/** Reads a file of the place, whatever is in it. */
export async function openFile(cache: Cache, name: string): Promise<Readable> {
  return streamOf(await cache.file(name));
}

/** Reads a range: of the file where a shell is there to cut it out, else of a copy of the file. */
async function openRange(
  { place, context }: Tree,
  cache: Cache,
  name: string,
  { start, end }: ByteRange,
): Promise<Readable> {
  const hands = place.directory === undefined ? await place.hands() : undefined;
  if (hands === undefined) return streamOf(await cache.file(name), { start, end });
  const argv = await hands.printRange(name, start, end - start + 1);
  const child = startCommand(argv, { signal: context.signal, env: { LC_ALL: "C" }, code: "E_REMOTE" });
  child.stdin.end();
  child.done.catch((error: unknown) => child.stdout.destroy(error instanceof Error ? error : undefined));
  return child.stdout;
}

function streamOf(file: string, range: Partial<ByteRange> = {}): Readable {
  try {
    return createReadStream("", { fd: openRegular(file, "E_VERIFY"), ...range });
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    throw new HoldfastError("E_REMOTE", `${file} is not there`, { cause: error });
  }
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  const found = await lstat(file).catch(() => undefined);
  return found === undefined ? undefined : readRegular(file, MOST_LIST, "E_VERIFY");
}
