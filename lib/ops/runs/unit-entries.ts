/** Lists the content of a run's units, entry by entry, from directories, lists and headers. No content is unpacked. */
import { statSync } from "node:fs";
import path from "node:path";
import { createGunzip } from "node:zlib";
import { streamRegular } from "../../archive/files/regular-file.ts";
import { consume } from "../../archive/files/consume-stream.ts";
import type { BytePath } from "../../archive/entry.ts";
import { readEntryList } from "../../archive/entry-list.ts";
import { fromString, join } from "../../archive/path.ts";
import { TarReader, type TarEntry } from "../../archive/tar/reader.ts";
import { verifyTgz } from "../../archive/tar/tgz-reader.ts";
import { readZipDirectory } from "../../archive/zip/directory.ts";
import type { UnitMetadata } from "../../model/unit.ts";
import { placeBytes } from "../../store/run/places.ts";
import { itemsOf, type ArchivePart, type TreeItem } from "./unit-items.ts";

export interface UnitEntry {
  /** `step/unit`, or `audio_cache/archives`. */
  readonly label: string;
  /** The path on the site: relative to the root, absolute where it lay outside. */
  readonly place: BytePath;
  readonly artifact: string;
  /** Its path in the archive; null if the artifact is the file itself. */
  readonly entry: BytePath | null;
  readonly type: "file" | "directory" | "symlink";
  /** 0 for a hard link in a tgz. */
  readonly size: number;
  /** RFC 3339. */
  readonly mtime: string;
  /** A digest of a file's content: `sha256:…` or, of a zip, `crc32:…`; null if it is not known. */
  readonly content: string | null;
}

/** An archive of a unit, ready to be read. */
export interface EntrySource {
  readonly label: string;
  readonly part: ArchivePart | null;
  readonly tree: TreeItem | null;
  readonly artifact: string;
  read(): Promise<UnitEntry[]> | UnitEntry[];
}

/**
 * Returns the archives and files of these units of the run in `directory`. Reading a damaged one throws `E_ARCHIVE`. With
 * `contents` each tgz without a list is read to its end, and its files are hashed.
 */
export function entrySources(
  directory: string,
  units: readonly UnitMetadata[],
  signal: AbortSignal,
  { contents = false }: { readonly contents?: boolean } = {},
): EntrySource[] {
  const { trees, files, databases, infra, loose } = itemsOf(directory, units);
  const alone = (label: string, artifact: string, place: BytePath): EntrySource => ({
    label,
    part: null,
    tree: null,
    artifact,
    read: () => {
      const { size, mtime } = statSync(path.join(directory, artifact));
      return [{ label, place, artifact, entry: null, type: "file", size, mtime: mtime.toISOString(), content: null }];
    },
  });
  return [
    ...trees.flatMap((tree) =>
      tree.parts.map((part): EntrySource => ({
        label: tree.label,
        part,
        tree,
        artifact: part.artifact,
        read: async () => await readPart(directory, tree, part, { signal, contents }),
      })),
    ),
    ...files.map(({ label, artifact, place }) => alone(label, artifact, placeBytes(place).toString("latin1"))),
    ...databases.map(({ unit, artifact, place }) =>
      alone(
        `db/${unit}`,
        artifact,
        place === undefined ? fromString(path.posix.basename(artifact)) : placeBytes(place).toString("latin1"),
      ),
    ),
    // Made by the site's own export command: its paths on the site are unknown.
    ...loose.map(({ label, artifact }) => alone(label, artifact, fromString(artifact))),
    ...infra.flatMap(({ artifact, sources }) =>
      sources.slice(0, 1).map((source) => alone("infra/infra", artifact, fromString(source))),
    ),
  ];
}

interface ReadOptions {
  readonly signal: AbortSignal;
  readonly contents: boolean;
}

type Raw = Pick<UnitEntry, "type" | "size" | "mtime" | "content"> & { readonly entry: BytePath };

async function readPart(
  directory: string,
  tree: TreeItem,
  part: ArchivePart,
  options: ReadOptions,
): Promise<UnitEntry[]> {
  const file = path.join(directory, part.artifact);
  const raw = tree.directoryTimes === undefined ? await readArchive(file, part, options) : readShard(file);
  const skip = new Set(part.skip);
  return raw.flatMap((one) => {
    if (skip.has(one.entry)) return [];
    const place = placeIn(part, one.entry);
    return place === undefined ? [] : [{ label: tree.label, place, artifact: part.artifact, ...one }];
  });
}

/** Returns the path of an entry on the site; undefined if it has none. */
function placeIn(part: ArchivePart, entry: BytePath): BytePath | undefined {
  const home = part.targets
    .filter(({ prefix }) => prefix === "" || entry === prefix || entry.startsWith(`${prefix}/`))
    .toSorted((a, b) => b.prefix.length - a.prefix.length)[0];
  if (home === undefined) return undefined;
  const rest = home.prefix === "" ? entry : entry.slice(home.prefix.length + 1);
  return join(placeBytes(home.place).toString("latin1"), rest);
}

const readShard = (archive: string): Raw[] =>
  [...readEntryList(archive.replace(/\.tgz$/, ".files.jsonl"))].map(({ path: entry, type, size, mtime, sha256 }) => ({
    entry,
    type: kindOf(type),
    size,
    mtime,
    content: sha256 === null ? null : `sha256:${sha256}`,
  }));

const kindOf = (type: string): UnitEntry["type"] => (type === "directory" || type === "symlink" ? type : "file");

async function readArchive(file: string, { format, reserved }: ArchivePart, options: ReadOptions): Promise<Raw[]> {
  if (format === "tgz") return await (options.contents ? readContents : readHeaders)(file, options.signal);
  const entries = readZipDirectory(file).map((entry) => ({
    ...entry,
    name: entry.name.replace(/\/+$/, "").replace(/^\.$/, ""),
  }));
  const originals = new Map(entries.map((entry) => [entry.name, entry]));
  const isReserved = (name: BytePath): boolean =>
    reserved !== undefined &&
    [reserved.multimedia, reserved.original].some((one) => name === one || name.startsWith(`${one}/`));
  return entries
    .filter(({ name }) => name !== "" && !isReserved(name))
    .map((entry) => {
      const { name, type, mtimeNs } = entry;
      const { size, crc } =
        (reserved === undefined ? undefined : originals.get(`${reserved.original}/${name}`)) ?? entry;
      const content = type === "directory" ? null : `crc32:${crc.toString(16).padStart(8, "0")}`;
      return { entry: name, type, size, mtime: toTime(mtimeNs), content };
    });
}

/** Reads the headers of a tgz, which has no directory: it is decompressed to its end, but nothing is hashed or kept. */
async function readHeaders(file: string, signal: AbortSignal): Promise<Raw[]> {
  const found: Raw[] = [];
  const reader = new TarReader(undefined, {
    begin: ({ path: entry, type, size, mtimeNs }) => {
      const name = entry.replace(/^\.\//, "");
      if (name !== "") found.push({ entry: name, type: kindOf(type), size, mtime: toTime(mtimeNs), content: null });
    },
    data: () => {},
  });
  await consume(
    streamRegular(file, "E_ARCHIVE", { highWaterMark: 1 << 18 }),
    createGunzip({ chunkSize: 1 << 18 }),
    (chunk) => reader.write(chunk),
    signal,
  );
  reader.end();
  return found;
}

/** Reads a tgz to its end; its files are hashed, and nothing is kept. */
async function readContents(file: string, signal: AbortSignal): Promise<Raw[]> {
  const found: Raw[] = [];
  const take = ({ path: entry, type, size, mtimeNs, sha256 }: TarEntry): void => {
    const name = entry.replace(/^\.\//, "");
    const content = sha256 === null ? null : `sha256:${sha256}`;
    if (name !== "") found.push({ entry: name, type: kindOf(type), size, mtime: toTime(mtimeNs), content });
  };
  await verifyTgz(file, take, signal);
  return found;
}

/** The largest time that a Date can hold. */
const MOST_MS = 8.64e15;

/** Formats a time; one beyond the range of a Date, found only in odd archives, becomes the last valid one. */
const toTime = (ns: bigint): string =>
  new Date(Math.max(-MOST_MS, Math.min(MOST_MS, Number(ns / 1_000_000n)))).toISOString();
