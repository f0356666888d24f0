/**
 * Remembers on this host which store was seen at which path, so that an empty directory is recognized as an unmounted
 * disk and never becomes a new store.
 */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import * as z from "zod";
import { systemCode } from "../errors.ts";
import { FORMAT_VERSION } from "../model/unit.ts";
import { writeFileAtomic } from "./files/atomic.ts";
import { formatJson } from "./files/json-documents.ts";
import { whileLocked } from "./lock/while-locked.ts";

const signedSchema = z.object({
  /** The oldest run that was signed: every later one must be. */
  since: z.string(),
  /** The newest run with a valid signature; null once it was removed and none was left. */
  newest: z.string().nullable(),
  /** The sha256 of SHA256SUMS of the newest signed runs: their signatures need not be checked again to reuse them. */
  sums: z.record(z.string(), z.string()),
});
/** Records of this host about the signed runs of a store. */
export type RememberedSigned = z.infer<typeof signedSchema>;

const rememberedSchema = z.object({
  id: z.string(),
  site: z.string(),
  seen_at: z.string(),
  signed: signedSchema.optional(),
});
export type RememberedStore = z.infer<typeof rememberedSchema>;

const memorySchema = z.object({ format_version: z.string(), stores: z.record(z.string(), rememberedSchema) });
type Stores = Record<string, RememberedStore>;

const DAY_MS = 24 * 60 * 60 * 1000;

/** Returns the state directory: systemd's `StateDirectory=`, else the XDG base directory, else /var/lib for root. */
export function stateDirectory(): string {
  const { STATE_DIRECTORY, XDG_STATE_HOME } = process.env;
  const [given] = (STATE_DIRECTORY ?? "").split(":"); // systemd separates several by colons
  if (given !== undefined && path.isAbsolute(given)) return given;
  if (XDG_STATE_HOME !== undefined && path.isAbsolute(XDG_STATE_HOME)) return path.join(XDG_STATE_HOME, "holdfast");
  if (process.getuid?.() === 0) return "/var/lib/holdfast";
  return path.join(homedir(), ".local/state/holdfast");
}

/** The record of a path. */
export interface StoreLookup {
  readonly known?: RememberedStore;
  /** The record is damaged: it is unknown whether a store was at the path. */
  readonly damaged: boolean;
  readonly warning?: string;
}

/** Looks up the store that was last seen at `store`, a real path. */
export async function lookUpStore(store: string): Promise<StoreLookup> {
  try {
    const known = (await readStores())[store];
    return known === undefined ? { damaged: false } : { damaged: false, known };
  } catch (error) {
    return { damaged: systemCode(error) === undefined, warning: cannot("read", error) };
  }
}

/**
 * Records the store at `store`, if it changed or once a day. Returns a warning if the record could not be written. A
 * damaged record is left for a person to look at.
 */
export async function recordStore(store: string, id: string, site: string): Promise<string | undefined> {
  let doing: "read" | "write" = "read";
  try {
    const known = (await readStores())[store];
    if (known?.id === id && known.site === site && isRecent(known.seen_at)) return undefined;
    doing = "write";
    await update(store, (before) => ({
      id,
      site,
      seen_at: new Date().toISOString(),
      ...(before?.id === id && before.signed !== undefined ? { signed: before.signed } : {}),
    }));
    return undefined;
  } catch (error) {
    return cannot(doing, error);
  }
}

/**
 * Records what is known of the signed runs of the store with this id at `store`; `change` returns the record as it was
 * for no change. Returns a warning if it could not be written.
 */
export async function recordSigned(
  store: { readonly path: string; readonly id: string; readonly site: string },
  change: (before: RememberedSigned | undefined) => RememberedSigned | undefined,
): Promise<string | undefined> {
  const { path: place, id, site } = store;
  let doing: "read" | "write" = "read";
  try {
    const known = (await readStores())[place];
    const before = known?.id === id ? known.signed : undefined;
    if (change(before) === before) return undefined;
    doing = "write";
    await update(place, (current) => {
      const same = current?.id === id ? current : undefined;
      const signed = change(same?.signed);
      const seen_at = same?.seen_at ?? new Date().toISOString();
      return { id, site, seen_at, ...(signed === undefined ? {} : { signed }) };
    });
    return undefined;
  } catch (error) {
    return cannot(doing, error);
  }
}

/** Writes the record of a store anew: timers start several sites in the same second, and none may undo another's. */
async function update(store: string, change: (before: RememberedStore | undefined) => RememberedStore): Promise<void> {
  const file = memoryFile();
  await whileLocked(file, async () => {
    const before = await readStores();
    const all = Object.entries({ ...before, [store]: change(before[store]) });
    const stores = Object.fromEntries(all.toSorted(([a], [b]) => (a < b ? -1 : 1)));
    await writeFileAtomic(file, formatJson({ format_version: FORMAT_VERSION, stores }), { mode: 0o600 });
  });
}

const memoryFile = (): string => path.join(stateDirectory(), "stores.json");

async function readStores(): Promise<Stores> {
  try {
    return memorySchema.parse(JSON.parse(await readFile(memoryFile(), "utf8"))).stores;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return {};
    throw error;
  }
}

function isRecent(time: string): boolean {
  const age = Date.now() - Date.parse(time);
  return age >= 0 && age < DAY_MS;
}

function cannot(what: "read" | "write", error: unknown): string {
  const file = `${memoryFile()}, by which an unmounted disk is noticed,`;
  const why = systemCode(error);
  if (why === undefined) return `${file} is damaged: remove it`;
  const hint = why === "EACCES" ? `: give ${stateDirectory()} to the user that runs the backup` : "";
  return `${file} cannot be ${what === "read" ? "read" : "written"} (${why})${hint}`;
}
