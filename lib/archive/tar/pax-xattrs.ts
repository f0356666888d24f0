/**
 * Extended attributes in pax headers, by the keys that GNU tar (`--xattrs`, `--acls`), star and libarchive read. In a
 * name, `=` is `%3D` and `%` is `%25`, as in GNU tar; values are bytes (`latin1`).
 */
import type { Xattrs } from "../entry.ts";
import { aclBytes, aclText } from "../xattrs/acl.ts";
import { ACL_ACCESS, ACL_DEFAULT, isKept } from "../xattrs/names.ts";

const PREFIX = "SCHILY.xattr.";
const ACL_KEYS = new Map([
  [ACL_ACCESS, "SCHILY.acl.access"],
  [ACL_DEFAULT, "SCHILY.acl.default"],
]);

/** Returns the records of an entry's attributes, by name. */
export function paxXattrs(xattrs: Xattrs | undefined): [string, string][] {
  return [...(xattrs ?? [])].map(([name, value]): [string, string] => {
    const acl = ACL_KEYS.get(name);
    const text = acl === undefined ? undefined : aclText(value);
    if (acl !== undefined && text !== undefined) return [acl, text];
    return [PREFIX + name.replaceAll("%", "%25").replaceAll("=", "%3D"), value.toString("latin1")];
  });
}

/** Checks whether a record holds an attribute. */
export const isXattrKey = (key: string): boolean => key.startsWith(PREFIX) || [...ACL_KEYS.values()].includes(key);

/** Returns the attributes in an entry's records; those that would not be kept are ignored. Throws `E_ARCHIVE`. */
export function xattrsIn(records: ReadonlyMap<string, string>): Xattrs | undefined {
  const found = new Map<string, Buffer>();
  for (const [key, value] of records) {
    if (!isXattrKey(key)) continue;
    const acl = [...ACL_KEYS].find(([, one]) => one === key)?.[0];
    const name = acl ?? key.slice(PREFIX.length).replaceAll("%3D", "=").replaceAll("%25", "%");
    if (isKept(name)) found.set(name, acl === undefined ? Buffer.from(value, "latin1") : aclBytes(value));
  }
  return found.size === 0 ? undefined : found;
}
