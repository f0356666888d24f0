/** Runs rsync between this host and a place, and counts what it sends. */
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { startCommand, type CommandResult } from "../../exec/command.ts";
import { ANY_STATUS, isBusy, localFailure, remoteFailure } from "./place/failure.ts";
import type { Place } from "./place/interface.ts";

export interface TransferContext {
  readonly signal: AbortSignal;
  /** Called with bytes as they are sent or received. */
  readonly onBytes: (bytes: number) => void;
  /** Bytes a second at most. */
  readonly bandwidth?: number | undefined;
}

export interface Transfer {
  readonly options: readonly string[];
  /** Operands: sources, and the destination last. */
  readonly operands: readonly string[];
  /** Paths below the source; without them all. */
  readonly files?: readonly string[] | undefined;
  /** True if this host receives. */
  readonly receives?: boolean;
}

export interface Transferred {
  /** Paths that were changed, or would be in a dry run. */
  readonly items: readonly Item[];
  /** Bytes of content that went over the line; what was linked or matched is not among them. */
  readonly literal: number;
  /** Regular files whose content was looked at by the receiver and was not as it should be. */
  readonly files: number;
}

export interface Item {
  /** As rsync's `--itemize-changes` writes it: 11 characters. */
  readonly change: string;
  /** Bytes of a file. */
  readonly size: number;
  readonly path: string;
}

/** Variables by which an environment could change what rsync does. */
const RSYNC_VARIABLES = ["RSYNC_RSH", "RSYNC_PARTIAL_DIR", "RSYNC_OLD_ARGS", "RSYNC_PROTECT_ARGS", "RSYNC_ICONV"];
const ENVIRONMENT = { LC_ALL: "C", ...Object.fromEntries(RSYNC_VARIABLES.map((name) => [name, undefined])) };
const COMMON = ["--stats", "--no-human-readable", "--8-bit-output", "--out-format=%i %b %l %n"];
/** Waits while the account is used by another client, which may be the rest of a push that was cut. */
const BUSY_WAITS_MS = [200, 500, 1000, 2000, 4000, 8000, 15_000];

/** Runs rsync. Throws `E_REMOTE` with the cause that its messages name. */
export async function transfer(place: Place, request: Transfer, context: TransferContext): Promise<Transferred> {
  for (let attempt = 0; ; attempt++) {
    const { result, transferred } = await runOnce(place, request, context);
    if (result.exitCode === 0) return transferred;
    const wait = isBusy(result) ? BUSY_WAITS_MS[attempt] : undefined;
    if (wait === undefined)
      throw (
        (request.receives === true ? localFailure(result) : undefined) ?? remoteFailure(place.address, "rsync", result)
      );
    await sleep(wait, undefined, { signal: context.signal });
  }
}

/** Runs rsync and returns its exit status and messages with what it did, whatever that is. */
export async function runOnce(
  place: Place,
  { options, operands, files }: Transfer,
  { signal, onBytes, bandwidth }: TransferContext,
): Promise<{ readonly result: CommandResult; readonly transferred: Transferred }> {
  const limit = bandwidth === undefined ? [] : [`--bwlimit=${Math.max(1, Math.floor(bandwidth / 1024))}`];
  const list = files === undefined ? [] : ["--from0", "--files-from=-"];
  const argv = ["rsync", ...(await place.connection()), ...COMMON, ...limit, ...options, ...list, "--", ...operands];
  const child = startCommand(argv, { signal, env: ENVIRONMENT, okExitCodes: ANY_STATUS, code: "E_REMOTE" });
  const [transferred, result] = await Promise.all([
    readOutput(child.stdout, onBytes),
    child.done,
    // A program that has ended does not read the list; why is in its status.
    pipeline(
      (files ?? []).map((file) => `${file}\0`),
      child.stdin,
      { signal },
    ).catch(() => {}),
  ]);
  return { result, transferred };
}

async function readOutput(stdout: NodeJS.ReadableStream, onBytes: (bytes: number) => void): Promise<Transferred> {
  const items: Item[] = [];
  let [literal, files] = [0, 0];
  stdout.setEncoding("latin1");
  for await (const line of createInterface({ input: stdout, crlfDelay: Infinity })) {
    const [, change, bytes, size, name] = /^([<>ch.][fdLDS][a-zA-Z.+? ]{9}) (\d+) (\d+) (.*)$/.exec(line) ?? [];
    if (change !== undefined && name !== undefined) {
      items.push({ change, size: Number(size), path: unescapeName(name) });
      onBytes(Number(bytes));
      continue;
    }
    const [, title, value] = /^(Literal data|Number of regular files transferred): (\d+)/.exec(line) ?? [];
    if (title === "Literal data") literal = Number(value);
    else if (title !== undefined) files = Number(value);
  }
  return { items, literal, files };
}

/** Returns a name that rsync has printed: bytes that do not print are `\#ooo`. */
export const unescapeName = (name: string): string =>
  Buffer.from(
    name.replaceAll(/\\#([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    "latin1",
  ).toString("utf8");
