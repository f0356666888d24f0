/** Whose the restored files become. */
import { systemOwnerNames } from "../../../archive/owners.ts";
import type { Places } from "../../../store/run/places.ts";
import type { OwnerRule } from "./request.ts";

export interface OwnerMap {
  /** Undefined: owners are not set, as nobody but root can. */
  of(uid: number, gid: number): { readonly uid: number; readonly gid: number } | undefined;
  /** The same for a worker thread. */
  readonly forWorker: {
    readonly users: Readonly<Record<number, number>>;
    readonly groups: Readonly<Record<number, number>>;
    readonly all?: { readonly uid: number; readonly gid: number };
  } | null;
  /** Names of the backup's host that this one does not know: their files keep the number. */
  readonly unknown: readonly string[];
}

/** By name, an owner keeps its name and gets the number that it has here; a name that is unknown here keeps its number. */
export function ownerMap(rule: OwnerRule, recorded: Places["owners"]): OwnerMap {
  if (process.getuid?.() !== 0) return { of: () => undefined, forWorker: null, unknown: [] };
  if (rule.by === "one") {
    const all = { uid: rule.uid, gid: rule.gid };
    return { of: () => all, forWorker: { users: {}, groups: {}, all }, unknown: [] };
  }
  const here = systemOwnerNames();
  const translate = (names: Readonly<Record<string, string>>, known: Readonly<Record<string, string>>) => {
    const numbers = new Map(Object.entries(known).map(([number, name]) => [name, Number(number)]));
    const map: Record<number, number> = {};
    for (const [number, name] of Object.entries(names)) {
      const found = numbers.get(name);
      if (found !== undefined && found !== Number(number)) map[Number(number)] = found;
    }
    return map;
  };
  const users = rule.by === "name" ? translate(recorded.users, here.users) : {};
  const groups = rule.by === "name" ? translate(recorded.groups, here.groups) : {};
  const known = new Set(Object.values(here.users));
  return {
    of: (uid, gid) => ({ uid: users[uid] ?? uid, gid: groups[gid] ?? gid }),
    forWorker: { users, groups },
    unknown: rule.by === "name" ? Object.values(recorded.users).filter((name) => !known.has(name)) : [],
  };
}
