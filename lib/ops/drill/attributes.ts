/** Compares modes, owners and times of restored entries with the run's record of them. */
import path from "node:path";
import { createGunzip } from "node:zlib";
import { streamRegular } from "../../archive/files/regular-file.ts";
import { consume } from "../../archive/files/consume-stream.ts";
import type { BytePath, Entry, Xattrs } from "../../archive/entry.ts";
import { floorNs } from "../../archive/fingerprint.ts";
import { display } from "../../archive/path.ts";
import { TarReader } from "../../archive/tar/reader.ts";
import { readZipDirectory } from "../../archive/zip/directory.ts";
import { readSidecar } from "../../archive/xattrs/sidecar.ts";
import { lstatEntry } from "../../archive/tree/walk.ts";
import { readNames, type ArchivePart } from "../runs/unit-items.ts";
import type { OwnerMap } from "../restore/plan/owner-map.ts";
import type { RestorePlan } from "../restore/plan/restore-plan.ts";
import { pathExists } from "../../archive/tree/path-exists.ts";

/** The recorded attributes of an entry; null where the format lacks them. */
export interface Header {
  readonly mode: number | null;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds since 1970. */
  readonly mtime: bigint;
  readonly xattrs?: Xattrs | undefined;
}

/** Reads the attributes of all entries of an archive, by path in it. Entries without an owner are left out. */
export async function headersOf(
  run: string,
  { artifact, format, sidecar }: ArchivePart,
  signal: AbortSignal,
): Promise<Map<BytePath, Header>> {
  const headers = new Map<BytePath, Header>();
  const file = path.join(run, artifact);
  const keep = (named: BytePath, { xattrs, ...header }: { [K in keyof Header]: Header[K] | null }): void => {
    const { mode, uid, gid, mtime } = header;
    if (uid === null || gid === null || mtime === null) return;
    const name = named.replace(/^\.\//, "").replace(/\/+$/, "");
    headers.set(name, { mode, uid, gid, mtime, xattrs: xattrs ?? beside.get(name) });
  };
  const beside = sidecar === undefined ? new Map<BytePath, Xattrs>() : readSidecar(path.join(run, sidecar));
  if (format === "zip") {
    for (const { name, mode, uid, gid, mtimeNs } of readZipDirectory(file))
      keep(name, { mode, uid, gid, mtime: secondsOf(mtimeNs) });
    return headers;
  }
  const reader = new TarReader(undefined, {
    begin: ({ path: name, mode, uid, gid, mtimeNs, xattrs }) =>
      keep(name, { mode, uid, gid, mtime: secondsOf(mtimeNs), xattrs }),
    data: () => {},
  });
  await consume(streamRegular(file, "E_ARCHIVE"), createGunzip(), (chunk) => reader.write(chunk), signal);
  reader.end();
  return headers;
}

const secondsOf = (ns: bigint): bigint => floorNs(ns, 1_000_000_000n);

/**
 * Returns a line for an entry whose attributes differ from the record. Owners are compared if the restore sets them.
 */
export function differenceOf(
  entry: Pick<Entry, "path" | "mode" | "uid" | "gid" | "mtimeNs" | "type">,
  { mode, uid, gid, mtime }: Header,
  owners: OwnerMap,
): string[] {
  const owner = owners.of(uid, gid);
  const wrong = [
    ...(mode === null || entry.type === "symlink" || entry.mode === mode
      ? []
      : [`mode ${entry.mode.toString(8)} instead of ${mode.toString(8)}`]),
    ...(owner === undefined || (entry.uid === owner.uid && entry.gid === owner.gid)
      ? []
      : [`owner ${entry.uid}:${entry.gid} instead of ${owner.uid}:${owner.gid}`]),
    ...(secondsOf(entry.mtimeNs) === mtime
      ? []
      : [`time ${secondsOf(entry.mtimeNs)} instead of ${mtime} (seconds since 1970)`]),
  ];
  return wrong.length === 0 ? [] : [`${display(entry.path === "" ? "." : entry.path)} has ${wrong.join(", ")}`];
}

/** Parses the times of a list of `@seconds` and `./path`, alternately, by path. */
export function timesIn(list: string): Map<BytePath, bigint> {
  const names = readNames(list);
  const times = new Map<BytePath, bigint>();
  for (let at = 0; at + 1 < names.length; at += 2)
    times.set((names[at + 1] ?? "").replace(/^\.\/?/, ""), BigInt(names[at]?.slice(1) ?? 0));
  return times;
}

/** Compares the directories around trees, and the trees' own roots, with the run's record; null if they agree. */
export function placesDifference(plan: RestorePlan, liveOf: (staged: BytePath) => BytePath): string | null {
  const wrong: string[] = [];
  for (const { to, attributes } of plan.attributes) {
    const live = liveOf(to);
    if (!pathExists(live)) continue;
    const entry = lstatEntry(live, attributes.path);
    if (entry.type !== "directory" && entry.type !== "file") continue;
    const { mode, uid, gid, mtime } = attributes;
    const header = { mode: Number.parseInt(mode, 8), uid, gid, mtime: BigInt(mtime) };
    wrong.push(...differenceOf(entry, header, plan.owners));
  }
  const more = wrong.length > 1 ? ` (and ${wrong.length - 1} more)` : "";
  return wrong[0] === undefined ? null : wrong[0] + more;
}
