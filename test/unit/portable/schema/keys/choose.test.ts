/** By what rows are known: which key is chosen for a table, and why. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseKeys, type KeyHints } from "../../../../../lib/portable/schema/keys/choose.ts";
import type { TableKey } from "../../../../../lib/portable/schema/keys/table-key.ts";
import type { Schema } from "../../../../../lib/portable/schema/tables.ts";
import { portableSchema, type TerseTable } from "../../../../support/portable/schema.ts";

const choose = (tables: Readonly<Record<string, TerseTable>>, keys: KeyHints["keys"] = {}): Record<string, TableKey> =>
  Object.fromEntries(chooseKeys(portableSchema(tables), { keys }));

/** `natural a b`, `reference id`, `none`: of one table `t`. */
function chosen(table: TerseTable, keys: KeyHints["keys"] = {}): string {
  const { t } = choose({ t: table }, keys);
  return t === undefined ? "" : short(t);
}
const short = (key: TableKey): string => [key.kind, ...(key.kind === "none" ? [] : key.columns)].join(" ");

const USERS: TerseTable = { columns: "id! email", pk: "id", unique: ["email"] };

describe("the order of choice", () => {
  test.each<[why: string, table: TerseTable, key: string]>([
    ["a primary key that means something", { columns: "code name", pk: "code", unique: ["name"] }, "natural code"],
    [
      "a unique constraint before a numbered primary key",
      { columns: "id! name", pk: "id", unique: ["name"] },
      "natural name",
    ],
    [
      "a unique constraint before an id of the application's",
      { columns: "id:uuid name", pk: "id", unique: ["name"] },
      "natural name",
    ],
    [
      "an id of the application's, where there is no other",
      { columns: "AlbumId Title", pk: "AlbumId" },
      "natural AlbumId",
    ],
    ["a UUID, whoever made it", { columns: "id:uuid= title", pk: "id" }, "natural id"],
    ["a numbered primary key", { columns: "id! title", pk: "id" }, "reference id"],
    ["a primary key whose default counts", { columns: "id= title", pk: "id" }, "reference id"],
    ["no key at all", { columns: "a b" }, "none"],
    ["a unique key without a primary key", { columns: "a b", unique: ["a"] }, "natural a"],
    ["a constraint before an index", { columns: "id! a b c", pk: "id", unique: ["index a", "b c"] }, "natural b c"],
    ["fewer columns", { columns: "id! a b c", pk: "id", unique: ["a b", "c"] }, "natural c"],
    ["a slug before a name", { columns: "id! name slug", pk: "id", unique: ["name", "slug"] }, "natural slug"],
    [
      "a code before a name",
      { columns: "id! name iso_code", pk: "id", unique: ["name", "iso_code"] },
      "natural iso_code",
    ],
    [
      "a username before what says nothing",
      { columns: "id! foo userName", pk: "id", unique: ["foo", "userName"] },
      "natural userName",
    ],
    ["the earlier column among equals", { columns: "id! b a", pk: "id", unique: ["a", "b"] }, "natural b"],
    [
      "two columns that mean something before a UUID",
      { columns: "id! uuid:uuid= a b", pk: "id", unique: ["uuid", "a b"] },
      "natural a b",
    ],
    [
      "a UUID before the numbered primary key",
      { columns: "id! uuid:uuid=", pk: "id", unique: ["uuid"] },
      "natural uuid",
    ],
    [
      "plain columns before a computed one",
      { columns: "id! low* a b", pk: "id", unique: ["low", "a b"] },
      "natural a b",
    ],
    ["a hash last", { columns: "id! hash zebra", pk: "id", unique: ["hash", "zebra"] }, "natural zebra"],
    [
      "never another number of the database's",
      { columns: "id! position:integer!", pk: "id", unique: ["position"] },
      "reference id",
    ],
  ])("%s", (_, table, key) => {
    expect(chosen(table)).toBe(key);
  });

  test.each(["float4", "float8", "json", "bytes", "array"])("never a %s", (kind) => {
    expect(chosen({ columns: `id! a:${kind}`, pk: "id", unique: ["a"] })).toBe("reference id");
  });

  test("a nullable unique column is not a key, NULLS NOT DISTINCT excepted", () => {
    expect(chosen({ columns: "id! a?", pk: "id", unique: ["a"] })).toBe("reference id");
    expect(chosen({ columns: "id! a b?", pk: "id", unique: ["a b"] })).toBe("reference id");
    expect(chosen({ columns: "id! a b?", pk: "id", unique: ["a b nulls"] })).toBe("natural a b");
  });

  test("says why", () => {
    const { t } = choose({ t: { columns: "id! slug", pk: "id", unique: ["slug"] } });
    expect(t?.reason).toBe("unique constraint t_slug_key");
  });
});

describe("keys that hold foreign keys", () => {
  test("a primary key that is a foreign key is known by the parent's (inheritance)", () => {
    const keys = choose({
      places: { columns: "id! slug", pk: "id", unique: ["slug"] },
      bars: {
        columns: "place_ptr_id licence",
        pk: "place_ptr_id",
        unique: ["licence"],
        fk: [["place_ptr_id", "places"]],
      },
    });
    expect(keys.bars).toMatchObject({ kind: "natural", columns: ["place_ptr_id"], nests: [{ target: "places" }] });
    expect(keys.bars?.reason).toBe("primary key, which references places");
  });

  test("a join table's primary key is made of both targets'", () => {
    const keys = choose({
      users: USERS,
      groups: USERS,
      members: {
        columns: "user_id group_id",
        pk: "user_id group_id",
        fk: [
          ["user_id", "users"],
          ["group_id", "groups"],
        ],
      },
    });
    expect(keys.members).toMatchObject({
      columns: ["user_id", "group_id"],
      nests: [{ target: "groups" }, { target: "users" }],
    });
  });

  test("a join table with a number of its own is known by the pair only where that is unique", () => {
    const members = {
      columns: "id! user_id group_id",
      pk: "id",
      fk: [
        ["user_id", "users"],
        ["group_id", "groups"],
      ],
    } satisfies TerseTable;
    const tables = { users: USERS, groups: USERS, members };
    expect(short(choose(tables).members ?? { kind: "none", reason: "" })).toBe("reference id");
    const guarded = choose({ ...tables, members: { ...members, unique: ["user_id group_id"] } }).members;
    expect(guarded).toMatchObject({ kind: "natural", columns: ["user_id", "group_id"] });
  });

  test("a UUID that is a foreign key tells as much as its target's key", () => {
    const keys = choose({
      users: { columns: "id:uuid email", pk: "id", unique: ["email"] },
      profiles: { columns: "id! user_id:uuid serial_code", pk: "id", unique: ["user_id"], fk: [["user_id", "users"]] },
    });
    expect(keys.profiles).toMatchObject({ columns: ["user_id"], nests: [{ target: "users" }] });
  });

  test("a part of a composite foreign key means nothing by itself", () => {
    const keys = choose({
      orders: { columns: "region id", pk: "region id" },
      notes: {
        columns: "id! region order_id label rank_a rank_b",
        pk: "id",
        unique: ["region label", "rank_a rank_b label"],
        fk: [["region order_id", "orders"]],
      },
    });
    expect(keys.notes).toMatchObject({ columns: ["rank_a", "rank_b", "label"] });
  });

  test("each column through the widest foreign key", () => {
    const keys = choose({
      tenants: { columns: "id! name", pk: "id", unique: ["name"] },
      projects: { columns: "tenant_id slug", pk: "tenant_id slug", fk: [["tenant_id", "tenants"]] },
      tasks: {
        columns: "tenant_id project_slug title",
        pk: "tenant_id project_slug title",
        fk: [
          ["tenant_id", "tenants"],
          ["tenant_id project_slug", "projects"],
        ],
      },
    });
    expect(keys.tasks).toMatchObject({ nests: [{ target: "projects" }] });
    expect(keys.tasks?.kind === "natural" && keys.tasks.nests.length).toBe(1);
  });

  test("a tree key resolves by level", () => {
    const tree = (columns: string, unique: string): TableKey | undefined =>
      choose({ t: { columns, pk: "id", unique: [unique], fk: [["parent_id", "t"]] } }).t;
    expect(tree("id! parent_id? slug", "parent_id slug")).toMatchObject({ kind: "natural", tree: true });
    expect(tree("id! parent_id? slug", "parent_id slug")?.reason).toContain("rows without a parent");
    expect(tree("id! parent_id? slug", "parent_id slug nulls")?.reason).not.toContain("rows without a parent");
    expect(tree("id! parent_id slug", "parent_id slug")).toMatchObject({ kind: "reference" });
  });

  test("a primary key that needs itself without an end is a reference", () => {
    expect(chosen({ columns: "parent slug", pk: "parent slug", fk: [["parent", "t", "slug"]] })).toBe(
      "reference parent slug",
    );
  });

  test("a key that holds outright is better than a tree's", () => {
    expect(
      chosen({
        columns: "id! parent_id? slug a b",
        pk: "id",
        unique: ["parent_id slug", "a b slug"],
        fk: [["parent_id", "t"]],
      }),
    ).toBe("natural a b slug");
  });

  test("a list's rows are not known by their place in it", () => {
    expect(chosen({ columns: "id! next_id?", pk: "id", unique: ["next_id"], fk: [["next_id", "t"]] })).toBe(
      "reference id",
    );
  });

  test("primary keys that are each other's foreign keys are numbers again", () => {
    const keys = choose({
      a: { columns: "id", pk: "id", fk: [["id", "b"]] },
      b: { columns: "id", pk: "id", fk: [["id", "a"]] },
    });
    expect(keys.a).toMatchObject({ kind: "reference" });
    expect(keys.b).toMatchObject({ kind: "natural", nests: [{ target: "a" }] });
  });

  test("keys that need each other: the table that loses least takes its next one", () => {
    const keys = choose({
      a: { columns: "id! b_id name", pk: "id", unique: ["b_id", "b_id name"], fk: [["b_id", "b"]] },
      b: { columns: "id! a_id code x y", pk: "id", unique: ["a_id", "code x y"], fk: [["a_id", "a"]] },
    });
    expect(keys.a).toMatchObject({ columns: ["b_id"] });
    expect(keys.b).toMatchObject({ columns: ["code", "x", "y"] });
    expect(keys.b?.reason).toBe("unique constraint b_code_x_y_key; (a_id) would depend on itself: b → a → b");
  });

  test("a foreign key into a table that is left out is a column like others", () => {
    const keys = choose({ t: { columns: "user_id slug", pk: "user_id slug", fk: [["user_id", "elsewhere"]] } });
    expect(keys.t).toMatchObject({ kind: "natural", nests: [] });
  });

  test("a foreign key from a column to itself nests nothing", () => {
    expect(chosen({ columns: "code", pk: "code", fk: [["code", "t"]] })).toBe("natural code");
  });
});

describe("the config", () => {
  const table: TerseTable = { columns: "id! name slug?", pk: "id", unique: ["name"] };

  test("goes before everything", () => {
    expect(chosen(table, { t: ["slug"] })).toBe("natural slug");
  });

  test("can want the primary key", () => {
    expect(chosen(table, { t: [] })).toBe("reference id");
  });

  test.each<[string, KeyHints["keys"], string, string]>([
    [
      "table",
      { "public.user": ["email"] },
      "keys: the database has no table public.user",
      "did you mean public.users?",
    ],
    ["table's name", { user: ["email"] }, "keys: the database has no table user", "did you mean users?"],
    ["column", { users: ["emial"] }, "keys.users: the table public.users has no column emial", "did you mean email?"],
    ["column twice", { users: ["email", "email"] }, "keys.users: the column email is named twice", ""],
  ])("that names an unknown %s is an error that says what was meant", (_, keys, message, hint) => {
    expect(() => choose({ "public.users": USERS }, keys)).toThrow(
      expect.objectContaining({ code: "E_CONFIG", message, hint: expect.stringContaining(hint) }),
    );
  });

  test.each(["float8", "json", "bytes", "array"])("names a %s as a key: an error", (kind) => {
    expect(() => chosen({ columns: `id! a:${kind}`, pk: "id" }, { t: ["a"] })).toThrow(
      expect.objectContaining({ code: "E_CONFIG", message: `keys: t.a is ${kind}, which cannot be a key` }),
    );
  });

  test("names a table by its plain name where only one has it", () => {
    expect(choose({ "a.users": USERS }, { users: ["id"] })["a.users"]).toMatchObject({ columns: ["id"] });
    expect(() => choose({ "a.users": USERS, "b.users": USERS }, { users: ["id"] })).toThrow(
      expect.objectContaining({ code: "E_CONFIG", hint: expect.stringContaining("a.users, b.users") }),
    );
  });

  test("names keys that need each other, or themselves: an error", () => {
    const cyclic = {
      a: { columns: "id! b_id", pk: "id", fk: [["b_id", "b"]] },
      b: { columns: "id! a_id", pk: "id", fk: [["a_id", "a"]] },
    } satisfies Record<string, TerseTable>;
    expect(() => choose(cyclic, { a: ["b_id"], b: ["a_id"] })).toThrow("the keys depend on each other: a → b → a");
    expect(() => chosen({ columns: "id! up_id", pk: "id", fk: [["up_id", "t"]] }, { t: ["up_id"] })).toThrow(
      "refers to itself and can never be NULL",
    );
  });
});

test("the choice is the same however the schema is listed, and its keys never need each other", () => {
  const names = ["a", "b", "c", "d", "e", "f"];
  const table = fc.record({
    targets: fc.array(fc.record({ target: fc.constantFrom(...names), nullable: fc.boolean() }), { maxLength: 3 }),
    uniques: fc.array(fc.subarray(["x", "r0", "r1", "r2"], { minLength: 1 }), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(table, { minLength: 6, maxLength: 6 }), fc.nat(), (drafts, seed) => {
      const schema = portableSchema(
        Object.fromEntries(
          drafts.map(({ targets, uniques }, at) => [
            names[at] ?? "",
            {
              columns: [
                "id!",
                "x",
                ...targets.map(({ nullable }, index) => `r${index}:integer${nullable ? "?" : ""}`),
              ].join(" "),
              pk: "id",
              unique: uniques
                .filter((columns) => columns.every((one) => one === "x" || Number(one[1]) < targets.length))
                .map((columns) => columns.join(" ")),
              fk: targets.map(({ target }, index) => [`r${index}`, target] as const),
            },
          ]),
        ),
      );
      const keys = chooseKeys(schema, { keys: {} });
      expect([...chooseKeys(shuffled(schema, seed), { keys: {} })]).toEqual([...keys]);
      const ends = new Set<string>();
      for (const _ of names) {
        for (const [id, key] of keys) {
          if (key.kind !== "natural" || key.nests.every(({ target }) => target === id || ends.has(target)))
            ends.add(id);
        }
      }
      expect([...ends].toSorted()).toEqual(names);
    }),
  );
});

function shuffled(schema: Schema, seed: number): Schema {
  const turn = <T>(list: readonly T[]): T[] => {
    const by = list.length === 0 ? 0 : seed % list.length;
    return [...list.slice(by), ...list.slice(0, by)].toReversed();
  };
  return {
    ...schema,
    tables: turn(schema.tables).map((one) => ({
      ...one,
      uniques: turn(one.uniques),
      foreignKeys: turn(one.foreignKeys),
    })),
  };
}
