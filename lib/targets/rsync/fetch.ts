/** Fetches files of a place into a cache, a temporary directory of this host: rsync cannot write to a pipe. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Place } from "./place/interface.ts";
import { transfer, type TransferContext } from "./transfer.ts";

export interface Cache {
  /** Returns where a file of the place is on this host, once it has been fetched. Throws `E_REMOTE`. */
  file(name: string): Promise<string>;
  /** Fetches what the filter rules select below a directory of the place, and returns where that is on this host. */
  directory(name: string, filters: readonly string[]): Promise<string>;
  /** Removes a file from the cache. */
  drop(name: string): Promise<void>;
  close(): Promise<void>;
}

/** Options that fetch regular files only, whatever else the other side lists. */
const OPTIONS = ["--recursive", "--times", "--no-links", "--no-D"];

/** Opens a cache; of a place on this host the files themselves are given. */
export function openCache(place: Place, context: TransferContext): Cache {
  if (place.directory !== undefined) return noCache(place.directory);
  let made: Promise<string> | undefined;
  const root = async (): Promise<string> => await (made ??= mkdtemp(path.join(tmpdir(), "holdfast-target-")));
  const fetched = new Map<string, Promise<unknown>>();
  const fetch = async (name: string): Promise<void> => {
    await transfer(
      place,
      { options: OPTIONS, operands: [place.operand(""), `${await root()}/`], files: [name] },
      context,
    );
  };
  return {
    async file(name) {
      if (!fetched.has(name)) fetched.set(name, fetch(name));
      await fetched.get(name);
      return path.join(await root(), name);
    },
    async directory(name, filters) {
      const to = path.join(await root(), name);
      await mkdir(to, { recursive: true, mode: 0o700 });
      const options = [...OPTIONS, ...filters];
      const { items } = await transfer(
        place,
        { options, operands: [`${place.operand(name)}/`, `${to}/`], receives: true },
        context,
      );
      for (const item of items) fetched.set(`${name}/${item.path}`, Promise.resolve());
      return to;
    },
    async drop(name) {
      fetched.delete(name);
      await rm(path.join(await root(), name), { force: true });
    },
    async close() {
      await Promise.allSettled(fetched.values());
      if (made !== undefined) await rm(await made, { recursive: true, force: true });
    },
  };
}

const noCache = (directory: string): Cache => ({
  file: async (name) => await Promise.resolve(path.join(directory, name)),
  directory: async (name) => await Promise.resolve(path.join(directory, name)),
  drop: async () => {},
  close: async () => {},
});
