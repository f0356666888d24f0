/** Checks before a long operation that a store is writable: one that root has used may hold files of root. */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
} from "node:fs";
import { userInfo } from "node:os";
import path from "node:path";
import { HoldfastError, systemCode } from "../errors.ts";
import { INCOMPLETE, isLeftover, runsDirectory } from "./files/layout.ts";
import { OWNER_FILE, parseOwner } from "./lock/stale-owner.ts";
import { livenessOf } from "./lock/process-owner.ts";

const DIRECTORIES = [".", ".tmp", "pins", "runs", "restores", "reinits", "evidence"];
const JOURNALS = ["restores", "reinits"];

/**
 * Throws `E_STORE` with the first file or directory that this user cannot write, or the first journal he cannot read.
 */
export function assertWritable(store: string): void {
  for (const place of writtenTo(store)) check(store, place, () => accessSync(place, constants.W_OK));
  for (const name of JOURNALS)
    for (const file of namesIn(path.join(store, name)).filter((one) => one.endsWith(".json")))
      check(store, path.join(store, name, file), () => closeSync(openSync(path.join(store, name, file), "r")));
}

function writtenTo(store: string): string[] {
  const lock = path.join(store, ".lock");
  const runs = runsDirectory(store);
  return [
    ...DIRECTORIES.map((name) => path.join(store, name)),
    // The lock of a living process is respected; a stale one has to be removed.
    ...(isDead(lock) ? [lock] : []),
    ...namesIn(runs)
      .filter((name) => name.startsWith(INCOMPLETE))
      .map((name) => path.join(runs, name)),
    ...namesIn(path.join(store, ".tmp"))
      .filter(isLeftover)
      .map((name) => path.join(store, ".tmp", name)),
  ].filter((place) => existsSync(place));
}

function isDead(lock: string): boolean {
  try {
    const owner = parseOwner(readFileSync(path.join(lock, OWNER_FILE), "utf8"));
    return owner !== null && livenessOf(owner) === "dead";
  } catch {
    return false; // there is no lock
  }
}

function check(store: string, place: string, access: () => void): void {
  try {
    access();
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT") return; // another process has just removed it
    if (code !== "EACCES" && code !== "EPERM") throw error;
    const { uid } = statSync(place, { throwIfNoEntry: false }) ?? lstatSync(store);
    const user = userName();
    throw new HoldfastError("E_STORE", `${place} belongs to uid ${uid}, and ${user} cannot use it`, {
      hint: `chown -R ${user}: ${store}`,
      cause: error,
    });
  }
}

/** Returns the name of the user of this process, or the number of one without a name. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.());
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // not made yet, or reported by its own check
  }
}
