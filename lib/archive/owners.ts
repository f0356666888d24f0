/** Names of users and groups, as this host's files give them. */
import { readFileSync } from "node:fs";
import type { Owners } from "./entry.ts";

/** Reads the names in `/etc/passwd` and `/etc/group`; ids of a directory service have no name. */
export function systemOwners(): Owners {
  const users = readNames("/etc/passwd");
  const groups = readNames("/etc/group");
  return { user: (uid) => users.get(uid) ?? "", group: (gid) => groups.get(gid) ?? "" };
}

/** The names by number, as a document holds them. */
export const systemOwnerNames = (): { users: Record<string, string>; groups: Record<string, string> } => ({
  users: Object.fromEntries(readNames("/etc/passwd")),
  groups: Object.fromEntries(readNames("/etc/group")),
});

/** Both files: `name:password:number:…`, one a line; the first line of a number counts. */
function readNames(file: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of readLines(file)) {
    const [name = "", , number = ""] = line.split(":");
    if (/^\d+$/.test(number) && !names.has(Number(number))) names.set(Number(number), name);
  }
  return names;
}

/** A container may have neither file. */
function readLines(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n");
  } catch {
    return [];
  }
}
