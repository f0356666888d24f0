/** The text forms of extended attributes: what goes in comes out, and what nobody writes is refused. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildArchive } from "../../../lib/archive/build/archive.ts";
import type { Xattrs } from "../../../lib/archive/entry.ts";
import { paxXattrs, xattrsIn } from "../../../lib/archive/tar/pax-xattrs.ts";
import { aclBytes, aclText, mapAcl } from "../../../lib/archive/xattrs/acl.ts";
import { dumpBlock, DumpParser } from "../../../lib/archive/xattrs/dump.ts";
import { tempDirectory } from "../../support/temp.ts";

const bytes = fc.uint8Array({ maxLength: 60 }).map((value) => Buffer.from(value));
/** A name or a path: any bytes but NUL. */
const name = fc
  .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 40 })
  .map((codes) => String.fromCharCode(...codes));
const xattrs: fc.Arbitrary<Xattrs> = fc
  .array(
    fc.tuple(
      name.map((text) => `user.${text}`),
      bytes,
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map((entries) => new Map(entries));
const tag = fc.constantFrom([0x01, false], [0x02, true], [0x04, false], [0x08, true], [0x10, false], [0x20, false]);
const acl = fc
  .array(fc.tuple(tag, fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 0xffff_fffe })), { maxLength: 8 })
  .map((entries) => {
    const value = Buffer.alloc(4 + entries.length * 8);
    value.writeUInt32LE(2);
    for (const [index, [[kind, named], permissions, id]] of entries.entries()) {
      value.writeUInt16LE(kind, 4 + index * 8);
      value.writeUInt16LE(permissions, 6 + index * 8);
      value.writeUInt32LE(named ? id : 0xffff_ffff, 8 + index * 8);
    }
    return value;
  });

test("a dump gives back the paths, names and values of which it was made", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, xattrs), { maxLength: 5 }), (entries) => {
      const found: [string, Xattrs][] = [];
      const parser = new DumpParser((path, own) => found.push([path, own]));
      for (const line of entries
        .map(([path, own]) => dumpBlock(path, own))
        .join("")
        .split("\n"))
        parser.line(line);
      parser.end();
      expect(found).toEqual(entries);
    }),
  );
});

test("the records of a pax header give back names and values", () => {
  fc.assert(
    fc.property(xattrs, (own) => {
      expect(xattrsIn(new Map(paxXattrs(own)))).toEqual(own);
    }),
  );
});

describe("an ACL", () => {
  test("is the same in the kernel's form and as text", () => {
    fc.assert(
      fc.property(acl, (value) => {
        expect(aclBytes(aclText(value) ?? "")).toEqual(value);
      }),
    );
  });

  test("takes the numbers of another host, users and groups each by their own", () => {
    const value = aclBytes("user::rwx,user:33:r--,group::r-x,group:33:-w-,mask::rwx,other::---");
    expect(aclText(mapAcl(value, { 33: 48 }, { 33: 1000 }))).toBe(
      "user::rwx,user:48:r--,group::r-x,group:1000:-w-,mask::rwx,other::---",
    );
  });

  test.each(["user:ann:rwx", "user::rw", "mask:5:rwx", "nobody::rwx", "user:99999999999:r--"])(
    "%s is refused",
    (text) => {
      expect(() => aclBytes(text)).toThrow(/is malformed/);
    },
  );

  test("in a form that is not known stays as it is", () => {
    const value = Buffer.from("030000000000", "hex");
    expect(aclText(value)).toBeUndefined();
    expect(xattrsIn(new Map(paxXattrs(new Map([["system.posix_acl_access", value]]))))).toEqual(
      new Map([["system.posix_acl_access", value]]),
    );
  });
});

test("a capability that the file itself has not is not archived, whatever was read under its path before", async () => {
  const directory = tempDirectory();
  const root = join(directory, "tree");
  mkdirSync(root);
  writeFileSync(join(root, "program"), "");
  const dump = join(directory, "dump");
  const lent = new Map([["security.capability", Buffer.from("0100000200200000000000000000000000000000", "hex")]]);
  writeFileSync(dump, dumpBlock("program", lent));
  const built = await buildArchive({
    format: "tgz",
    output: join(directory, "tree.tgz"),
    level: 1,
    recipe: "",
    roots: [{ path: root, prefix: "" }],
    exclude: [],
    xattrs: { readMs: Date.now(), trees: [{ root, file: dump, dropped: [] }] },
    cancelled: () => false,
  });
  expect(built).toMatchObject({ entries: 2, xattrs: 0, failures: [] });
});

test("an attribute that would not be kept is not taken from an archive", () => {
  const header = new Map([
    ["SCHILY.xattr.trusted.overlay.opaque", "y"],
    ["SCHILY.xattr.security.ima", "x"],
    ["SCHILY.xattr.user.a%3Db%25", "c"],
  ]);
  expect(xattrsIn(header)).toEqual(new Map([["user.a=b%", Buffer.from("c")]]));
});
