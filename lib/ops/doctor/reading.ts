/** Checks whether the user of this process can read the site. */
import { readFileSync } from "node:fs";
import { userName } from "../../store/writable.ts";
import { unreadablePaths } from "../site/readable-paths.ts";
import type { DoctorFinding, Installation } from "./check.ts";

/** The bit of CAP_DAC_READ_SEARCH in a set of capabilities (capabilities(7)). */
const READ_SEARCH = 1n << 2n;

export function checkReading({ config }: Installation): DoctorFinding {
  const rights = rightsOfThisProcess();
  const user = userName();
  const faults = unreadablePaths(config).map(({ key, path, message }) => ({ path, message: `${message} (${key})` }));
  return {
    figure: `as ${user}${rights === "capability" ? ", with CAP_DAC_READ_SEARCH" : ""}`,
    faults,
    warnings:
      rights === undefined
        ? [{ path: user, message: "may not read what is closed to other users: it lacks CAP_DAC_READ_SEARCH" }]
        : [],
    hint: "run it with the rights of the backup's service: see docs/operations.md#users-and-rights",
  };
}

function rightsOfThisProcess(): "root" | "capability" | undefined {
  if (process.geteuid?.() === 0) return "root";
  const [, set] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return (BigInt(`0x${set ?? "0"}`) & READ_SEARCH) === 0n ? undefined : "capability";
}
