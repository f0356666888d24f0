/** Opens stores, and writes nothing where it is in doubt that the disk is mounted and the store belongs to the site. */
import { randomUUID } from "node:crypto";
import { lstat, readdir, realpath, rm, stat } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HoldfastError, systemCode } from "../errors.ts";
import { storeSchema, type StoreDocument } from "../model/run.ts";
import { FORMAT_VERSION } from "../model/unit.ts";
import { LEFTOVER, createFileAtomic, fsyncDirectory, makeDirectory, storeError } from "./files/atomic.ts";
import { formatJson, readDocument } from "./files/json-documents.ts";
import { lookUpStore, recordStore, type RememberedStore } from "./known-stores.ts";
import { assertWritable } from "./writable.ts";

const STORE_FILE = "store.json";
const DAY_MS = 24 * 60 * 60 * 1000;
/** Names that a file system makes by itself. */
const NOT_CONTENT = new Set(["lost+found"]);

export interface Store {
  /** Absolute path without links. */
  readonly path: string;
  readonly id: string;
  readonly site: string;
  /** Problems that do not keep the store from being used. */
  readonly warnings: readonly string[];
}

export interface OpenOptions {
  /** Create a store where none is or was. */
  readonly create: boolean;
  /** `--new-store`: the recorded store was removed or replaced on purpose. */
  readonly newStore: boolean;
}

/**
 * Opens the store of `site` at `dest`. Throws `E_STORE` if it is missing, unusable, another site's or not the recorded
 * one; `E_VERSION` if a newer Holdfast made it.
 */
export async function openStore(dest: string, site: string, options: OpenOptions): Promise<Store> {
  try {
    return await open(dest, site, options);
  } catch (error) {
    throw storeError(`${dest} cannot be used as a store`, error);
  }
}

/**
 * Opens the store at `dest` for reading, of any site. Creates and records nothing. Throws `E_STORE` if it is missing,
 * `E_VERSION` if a newer Holdfast made it.
 */
export async function findStore(dest: string): Promise<Store> {
  try {
    const place = await realPlace(dest);
    const found = await readStore(place);
    if (found !== undefined) return { path: place, id: found.id, site: found.site, warnings: [] };
    const { known } = await lookUpStore(place);
    throw known === undefined ? new HoldfastError("E_STORE", `there is no store at ${place}`) : gone(place, known);
  } catch (error) {
    throw storeError(`${dest} cannot be used as a store`, error);
  }
}

/**
 * Opens a directory as a copy of a store: with its id, and of its site. One that is empty, and never held another
 * store, becomes the copy. Throws `E_STORE` for anything else, and for a missing one unless it may be created.
 */
export async function openMirror(
  dest: string,
  original: StoreDocument,
  options: { readonly create: boolean },
): Promise<Store> {
  try {
    if (!options.create && (await stat(dest).catch(() => undefined)) === undefined)
      throw new HoldfastError("E_STORE", `${dest} is not there: is its disk mounted?`, {
        hint: "mount the disk; a new directory is made by hand",
      });
    return await open(dest, original.site, { create: true, newStore: false, original });
  } catch (error) {
    throw storeError(`${dest} cannot be used as a copy of the store`, error);
  }
}

async function open(
  dest: string,
  site: string,
  options: OpenOptions & { readonly original?: StoreDocument },
): Promise<Store> {
  const { original } = options;
  const place = await realPlace(dest);
  const { known, damaged, warning } = await lookUpStore(place);
  let found = await readStore(place);
  const names = found === undefined ? await contentOf(place) : [];
  if (names.includes(STORE_FILE)) found = await readStoreSoon(place); // another process has just made it
  if (found === undefined) {
    if (known !== undefined && !options.newStore) throw gone(place, known);
    if (names.length > 0) throw notEmpty(place);
    if (!options.create) throw new HoldfastError("E_STORE", `there is no store at ${place}`);
    if (damaged && !options.newStore) throw cannotTell(place, warning ?? "");
  } else {
    requireSite(place, found, site);
    if (original !== undefined) requireOriginal(place, found, original);
    if (known !== undefined && known.id !== found.id && !options.newStore) throw anotherStore(place, found.id, known);
  }
  const document = found ?? (await createStore(place, original ?? newStoreOf(site)));
  if (options.create) {
    assertWritable(place);
    await makeLayout(place);
  }
  const unwritten = await recordStore(place, document.id, document.site);
  const warnings = [...new Set([warning, unwritten])].filter((text) => text !== undefined);
  return { path: place, id: document.id, site: document.site, warnings };
}

/** Returns `dest` without links. It may be missing, its parent may not. */
async function realPlace(dest: string): Promise<string> {
  const absolute = path.resolve(dest);
  try {
    const place = await realpath(absolute);
    if ((await stat(place)).isDirectory()) return place;
    throw new HoldfastError("E_STORE", `${place} is not a directory`);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
  if ((await lstat(absolute).catch(() => undefined))?.isSymbolicLink() === true) {
    throw new HoldfastError("E_STORE", `${absolute} is a broken symlink`);
  }
  try {
    return path.join(await realpath(path.dirname(absolute)), path.basename(absolute));
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    throw new HoldfastError(
      "E_STORE",
      `${path.dirname(absolute)} does not exist: the store ${path.basename(absolute)} cannot be created`,
      {
        hint: "check that its disk is mounted, or make the directory",
        cause: error,
      },
    );
  }
}

/** Reads the document of the store; undefined if it is missing. */
async function readStore(place: string): Promise<StoreDocument | undefined> {
  const file = path.join(place, STORE_FILE);
  try {
    return readDocument(file, storeSchema);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    if (error instanceof HoldfastError && error.code === "E_VERSION") throw error;
    if (systemCode(error) !== undefined && error instanceof Error)
      throw storeError(`${file} cannot be read`, error.cause);
    throw new HoldfastError("E_STORE", `${file} is damaged`, {
      hint: `put back its four keys; format ${FORMAT_VERSION} is described in docs/design.md`,
      cause: error,
    });
  }
}

function requireSite(place: string, found: StoreDocument, site: string): void {
  if (found.site === site) return;
  throw new HoldfastError("E_STORE", `the store at ${place} belongs to the site ${found.site}, not to ${site}`, {
    hint: "give each site a --dest of its own",
  });
}

function requireOriginal(place: string, found: StoreDocument, original: StoreDocument): void {
  if (found.id === original.id) return;
  throw new HoldfastError("E_STORE", `${place} holds the store ${found.id}, not a copy of ${original.id}`, {
    hint: "give each store a directory of its own for its copy",
  });
}

function notEmpty(place: string): HoldfastError {
  return new HoldfastError("E_STORE", `${place} is not empty and holds no store`, {
    hint: "name an empty or a new directory",
  });
}

async function contentOf(place: string): Promise<string[]> {
  const names = await readdir(place).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  });
  return names.filter((name) => !NOT_CONTENT.has(name) && !LEFTOVER.test(name));
}

function gone(place: string, known: RememberedStore): HoldfastError {
  const when = known.seen_at.slice(0, 10);
  const what = `the store ${known.id} that was at ${place} on ${when} is not there: is its disk mounted?`;
  return new HoldfastError("E_STORE", what, {
    hint: "mount the disk; if the store was removed on purpose, pass --new-store",
  });
}

function cannotTell(place: string, warning: string): HoldfastError {
  return new HoldfastError("E_STORE", `cannot determine whether there was a store at ${place}: ${warning}`, {
    hint: "check that the store's disk is mounted; if there never was a store here, pass --new-store",
  });
}

function anotherStore(place: string, id: string, known: RememberedStore): HoldfastError {
  const when = known.seen_at.slice(0, 10);
  return new HoldfastError(
    "E_STORE",
    `the store at ${place} is ${id}; on ${when} it was ${known.id}: is it another disk?`,
    {
      hint: "mount the right disk; if the store was replaced on purpose, pass --new-store",
    },
  );
}

/** Creates the store, or takes the one that another process has just created: both get the same id. */
async function createStore(place: string, document: StoreDocument): Promise<StoreDocument> {
  await makeDirectory(place, 0o750);
  await fsyncDirectory(path.dirname(place));
  if (await createFileAtomic(path.join(place, STORE_FILE), formatJson(document), { mode: 0o640 })) return document;
  const found = await readStoreSoon(place);
  requireSite(place, found, document.site);
  return found;
}

const newStoreOf = (site: string): StoreDocument => ({
  format_version: FORMAT_VERSION,
  id: randomUUID(),
  site,
  created_at: new Date().toISOString(),
});

/** Retries, because on a disk without links a document may be read while it is written. */
async function readStoreSoon(place: string): Promise<StoreDocument> {
  for (let attempt = 0; attempt < 20; attempt++) {
    try {
      const found = await readStore(place);
      if (found !== undefined) return found;
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== "E_STORE") throw error;
    }
    await sleep(50);
  }
  throw new HoldfastError("E_STORE", `${path.join(place, STORE_FILE)} was made by another process and cannot be read`);
}

/** Creates the directories of the store, also those that a crash left out. */
async function makeLayout(place: string): Promise<void> {
  await makeDirectory(path.join(place, ".tmp"), 0o700);
  await makeDirectory(path.join(place, "pins"), 0o750);
  await makeDirectory(path.join(place, "runs"), 0o750);
  for (const name of await readdir(place)) {
    const file = path.join(place, name);
    // A recent one may belong to a process that creates the store right now.
    if (!LEFTOVER.test(name)) continue;
    const found = await stat(file).catch(() => undefined); // another process may be done with it by now
    if (found !== undefined && found.ctimeMs < Date.now() - DAY_MS) await rm(file, { force: true });
  }
}
