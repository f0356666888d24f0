/** Maps the owners recorded in a run to owners on this host. */
import { systemOwnerNames } from "../../../archive/owners.ts";
import type { Places } from "../../../store/run/places.ts";
import type { OwnerRule } from "./request.ts";

export interface OwnerMap {
  /** Returns the owner to set; undefined if owners are not set, which only root can do. */
  of(uid: number, gid: number): { readonly uid: number; readonly gid: number } | undefined;
  /** A serializable copy of the map, for a worker thread. */
  readonly forWorker: {
    readonly users: Readonly<Record<number, number>>;
    readonly groups: Readonly<Record<number, number>>;
    readonly all?: { readonly uid: number; readonly gid: number };
  } | null;
  /** User names of the backup's host that this host lacks: their files keep the numeric id. */
  readonly unknown: readonly string[];
}

/**
 * Builds the map for a rule. By name, an owner gets the id of that name on this host; an unknown name keeps its numeric
 * id.
 */
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
