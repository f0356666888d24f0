/** Finds out what a place holds: by listing where the account may read, else by questions that need no reading. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { SUMS_FILE } from "../../store/run/checksums.ts";
import { attemptName, groupByRun, NOTHING_FOUND, type FoundRun } from "./attempts.ts";
import { isWriteOnly, remoteFailure } from "./place/failure.ts";
import type { Place } from "./place/interface.ts";
import { runOnce, transfer, type Item, type TransferContext } from "./transfer.ts";

/** A place that does not exist in any tree: what is compared is never written. */
const NOWHERE = ".holdfast-compare";

/** Lists what is below a path of the place, by rsync's filter rules; undefined where the account may only write. */
export async function listItems(
  place: Place,
  from: string,
  filters: readonly string[],
  context: TransferContext,
): Promise<readonly Item[] | undefined> {
  return await withEmptyDirectory(async (empty) => {
    const options = ["--recursive", "--links", "--dry-run", ...filters];
    const operands = [`${place.operand(from)}/`.replace(/\/\/$/, "/"), `${empty}/`];
    const { result, transferred } = await runOnce(place, { options, operands }, context);
    if (isWriteOnly(result)) return undefined;
    if (result.exitCode !== 0) throw remoteFailure(place.address, "rsync", result);
    return transferred.items;
  });
}

const RUN_FILTERS = ["--include=/runs/", "--include=/runs/*/", `--include=/runs/*/${SUMS_FILE}`, "--exclude=*"];

/** Lists the runs of a place, and of which are complete; undefined where the account may only write. */
export async function listRunPlaces(
  place: Place,
  context: TransferContext,
): Promise<Map<string, FoundRun> | undefined> {
  const items = await listItems(place, "", RUN_FILTERS, context);
  if (items === undefined) return undefined;
  const found = items.map((item) => item.path);
  const names = found.flatMap((name) => /^runs\/([^/]+)\/$/.exec(name)?.[1] ?? []);
  const complete = found.flatMap((name) => /^runs\/([^/]+)\/[^/]+$/.exec(name)?.[1] ?? []);
  return groupByRun(names, new Set(complete));
}

/**
 * Compares files here with those in a directory of the place, by content: returns the paths of those that are missing
 * there or differ. The other side hashes its files itself, so that no right to read is needed.
 */
export async function findDifferent(
  place: Place,
  { source, directory, files, by }: Comparison,
  context: TransferContext,
): Promise<string[]> {
  const how = by === "content" ? "--checksum" : "--size-only";
  const options = ["--recursive", "--links", how, "--dry-run", `--compare-dest=${place.anchored(directory)}`];
  const { items } = await transfer(
    place,
    { options, operands: [`${source}/`, `${place.operand(NOWHERE)}/`], files },
    { ...context, onBytes: () => {} },
  );
  return items.filter(({ change }) => /^[<>]f|^cL/.test(change)).map((item) => item.path);
}

export interface Comparison {
  /** A directory here. */
  readonly source: string;
  /** A directory of the place. */
  readonly directory: string;
  readonly files: readonly string[];
  readonly by: "content" | "size";
}

/** Finds the directories of a run without listing: asks for one name after the other. */
export async function probeRun(
  place: Place,
  run: string,
  isComplete: (name: string) => Promise<boolean>,
  context: TransferContext,
): Promise<FoundRun> {
  let found = NOTHING_FOUND;
  for (let attempt = 0; ; attempt++) {
    const name = attempt === 0 ? run : attemptName(run, attempt);
    if (await exists(place, `runs/${name}`, context)) {
      if (await isComplete(name)) return { ...found, complete: name };
      found = { ...found, attempts: [...found.attempts, name] };
    } else if (attempt > 0) return { ...found, next: attempt };
  }
}

/** Checks whether a directory exists, by asking what a transfer into it would make. */
async function exists(place: Place, directory: string, context: TransferContext): Promise<boolean> {
  return await withEmptyDirectory(async (empty) => {
    const options = ["--recursive", "--dry-run", "--mkpath"];
    const operands = [`${empty}/`, `${place.operand(directory)}/`];
    const { items } = await transfer(place, { options, operands }, context);
    return !items.some((item) => item.path === "./" && item.change.startsWith("cd+"));
  });
}

/** Calls `work` with an empty directory that is removed afterwards. */
async function withEmptyDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(path.join(tmpdir(), "holdfast-rsync-"));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
