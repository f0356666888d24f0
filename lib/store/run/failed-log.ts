/** Keeps the logs of failed runs as `logs/<run>.log` in the store. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { LOG_FILE } from "./resume.ts";

const KEPT = 30;

const directoryOf = (store: string): string => path.join(store, "logs");

/** Returns the path of a failed run's log. */
export const failedLog = (store: string, run: string): string => path.join(directoryOf(store), `${run}.log`);

/** Moves the log out of the staging directory and keeps the newest thirty. A move needs no space on the disk. */
export function keepFailedLog(store: string, run: string, staging: string): void {
  const log = path.join(staging, LOG_FILE);
  if (!existsSync(log)) return;
  const directory = directoryOf(store);
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  renameSync(log, failedLog(store, run));
  const names = readdirSync(directory).filter((name) => name.endsWith(".log"));
  for (const name of names.toSorted().slice(0, -KEPT)) rmSync(path.join(directory, name), { force: true });
}
