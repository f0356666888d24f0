/** Checks the store: that it is this site's and writable, its disk, and its times against this host's clock. */
import { statSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import { isFuture } from "../../store/files/clock.ts";
import { listRuns, runsDirectory, timeOfRun } from "../../store/files/layout.ts";
import { findStore } from "../../store/open.ts";
import { assertWritable } from "../../store/writable.ts";
import { findProgram } from "../../database/access/programs.ts";
import { count, type Problem } from "../checks/check.ts";
import type { DoctorFinding, Installation } from "./check.ts";

/** Checks that the store can be used. Throws `E_STORE` if not. */
export async function checkStore({ config, store }: Installation): Promise<DoctorFinding> {
  if (store === undefined)
    throw new HoldfastError("E_STORE", "no store is configured", { hint: `set dest in ${config.file}` });
  const found = await findStore(store);
  if (found.site !== config.site)
    throw new HoldfastError("E_STORE", `the store at ${found.path} belongs to the site ${found.site}`, {
      hint: `set another dest in ${config.file}`,
    });
  assertWritable(found.path);
  return { figure: `${found.path}, ${count(listRuns(found.path).length, "run")}` };
}

/** Warns of a store on the disk of the site: both would be lost at once. */
export function checkStoreDisk({ config, store }: Installation): DoctorFinding | undefined {
  if (store === undefined) return undefined;
  const isShared = statSync(config.root).dev === statSync(nearest(store)).dev;
  return {
    figure: isShared ? "that of the site" : "another than that of the site",
    warnings: isShared ? [{ path: store, message: "is on the same file system as the site" }] : [],
    hint: "move the store to another disk, or copy it to another host as docs/operations.md#off-site describes",
  };
}

const nearest = (directory: string): string =>
  statSync(directory, { throwIfNoEntry: false }) === undefined ? nearest(path.dirname(directory)) : directory;

/** Compares the clock with the newest run and the newest change of the store, and asks whether NTP sets it. */
export async function checkClock({ store, now, signal }: Installation): Promise<DoctorFinding> {
  const faults: Problem[] = [];
  if (store !== undefined) {
    const newest = listRuns(store).at(-1);
    if (newest !== undefined && isFuture(timeOfRun(newest), now))
      faults.push({ path: `runs/${newest}`, message: "is dated in the future: the clock is behind, or was ahead" });
    const changed = statSync(runsDirectory(store), { throwIfNoEntry: false })?.mtime;
    if (changed !== undefined && isFuture(changed, now))
      faults.push({ path: runsDirectory(store), message: `was changed at ${changed.toISOString()}, in the future` });
  }
  const synchronised = await isSynchronised(signal);
  const says = { yes: "set by NTP", no: "not set by NTP", unknown: "NTP unknown" }[synchronised];
  return {
    figure: `${now.toISOString().slice(0, 19)}Z, ${says}`,
    faults,
    warnings: synchronised === "no" ? [{ path: "NTP", message: "does not set the clock" }] : [],
    hint: "timedatectl set-ntp true",
  };
}

/** Asks systemd; unknown where it does not run. */
async function isSynchronised(signal: AbortSignal): Promise<"yes" | "no" | "unknown"> {
  if (findProgram(["timedatectl"]) === undefined) return "unknown";
  const argv = ["timedatectl", "show", "--property=NTPSynchronized", "--value"];
  const { stdout, exitCode } = await runCommand(argv, { signal, okExitCodes: [0, 1] });
  const said = stdout.trim();
  return exitCode === 0 && (said === "yes" || said === "no") ? said : "unknown";
}
