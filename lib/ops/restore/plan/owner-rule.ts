/** Parses the owner of restored files. */
import { systemOwnerNames } from "../../../archive/owners.ts";
import { HoldfastError } from "../../../errors.ts";
import type { OwnerRule } from "./request.ts";

/**
 * Parses `name`, `number`, or a user with or without a group, each by name or number. Throws `E_USAGE` for one that
 * this host lacks.
 */
export function ownerRule(text: string): OwnerRule {
  if (text === "name" || text === "number") return { by: text };
  const [user = "", group] = text.split(":");
  const { users, groups } = systemOwnerNames();
  const uid = numberOf(user, users);
  // Without a group, the group of the user's own name, as useradd creates it.
  const gid = numberOf(group ?? user, groups) ?? (group === undefined ? uid : undefined);
  if (uid !== undefined && gid !== undefined) return { by: "one", uid, gid };
  throw new HoldfastError("E_USAGE", `this host has no ${uid === undefined ? `user ${user}` : `group ${group}`}`);
}

function numberOf(name: string, names: Readonly<Record<string, string>>): number | undefined {
  if (/^\d+$/.test(name)) return Number(name);
  const found = Object.entries(names).find(([, one]) => one === name);
  return found === undefined ? undefined : Number(found[0]);
}
