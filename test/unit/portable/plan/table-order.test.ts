/** In what order tables are filled, and which foreign keys wait. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EngineName } from "../../../../lib/database/snapshot.ts";
import { chooseKeys } from "../../../../lib/portable/schema/keys/choose.ts";
import type { TableKey } from "../../../../lib/portable/schema/keys/table-key.ts";
import { portableEngine } from "../../../../lib/portable/engines/registry.ts";
import { orderTables, type TableOrder } from "../../../../lib/portable/plan/table-order.ts";
import type { Schema } from "../../../../lib/portable/schema/tables.ts";
import { portableSchema, type TerseTable } from "../../../support/portable/schema.ts";

const orderOf = (tables: Readonly<Record<string, TerseTable>>, engine: EngineName = "postgresql"): TableOrder => {
  const schema = portableSchema(tables, engine);
  return orderTables(schema, chooseKeys(schema, { keys: {} }), portableEngine(engine).constraints.canDeferAll);
};
const short = ({ deferred }: TableOrder): string[] =>
  deferred.map(({ table, foreignKey, how }) => `${table} ${foreignKey} ${how}`);

test("parents come before children, by name among equals", () => {
  const order = orderOf({
    a: { columns: "id! c_id", pk: "id", fk: [["c_id", "c"]] },
    b: { columns: "id!", pk: "id" },
    c: { columns: "id! d_id", pk: "id", fk: [["d_id", "d"]] },
    d: { columns: "id!", pk: "id" },
  });
  expect(order).toEqual({ order: ["b", "d", "c", "a"], deferred: [] });
});

test("a table that is ready later goes before those of greater name", () => {
  const order = orderOf({
    a: { columns: "id! c_id", pk: "id", fk: [["c_id", "c"]] },
    b: { columns: "id! c_id", pk: "id", fk: [["c_id", "c"]] },
    c: { columns: "id!", pk: "id" },
    d: { columns: "id!", pk: "id" },
  });
  expect(order.order).toEqual(["c", "a", "b", "d"]);
});

test("a foreign key into a table that is left out, or to itself, counts for nothing", () => {
  const order = orderOf({
    a: {
      columns: "id! x_id",
      pk: "id",
      fk: [
        ["x_id", "x"],
        ["id", "a"],
      ],
    },
  });
  expect(order).toEqual({ order: ["a"], deferred: [] });
});

describe("a self reference", () => {
  const self = (column: string, engine: EngineName, flags = {}, unique: string[] = []): string[] =>
    short(
      orderOf({ t: { columns: `id! ${column} slug`, pk: "id", unique, fk: [["up_id", "t", "id", flags]] } }, engine),
    );

  test("goes in as NULL and is patched", () => {
    expect(self("up_id?", "postgresql")).toEqual(["t t_up_id_fkey null-then-update"]);
  });
  test("that is NOT NULL is checked late where the engine can", () => {
    expect(self("up_id", "postgresql", { deferrable: true })).toEqual(["t t_up_id_fkey deferred-check"]);
    expect(self("up_id", "sqlite")).toEqual(["t t_up_id_fkey deferred-check"]);
  });
  test("that is NOT NULL goes in by level elsewhere", () => {
    expect(self("up_id", "postgresql")).toEqual(["t t_up_id_fkey by-level"]);
    expect(self("up_id", "mysql")).toEqual(["t t_up_id_fkey by-level"]);
  });
  test("in a tree's key goes in by level, nullable or not", () => {
    expect(self("up_id?", "sqlite", {}, ["up_id slug"])).toEqual(["t t_up_id_fkey by-level"]);
  });
  test("in something unique that takes NULL for a value is not set to NULL on the way", () => {
    expect(self("up_id?", "postgresql", {}, ["slug", "up_id nulls"])).toEqual(["t t_up_id_fkey by-level"]);
  });
});

describe("a circle", () => {
  const pair = (a: string, b: string, flags = {}): Record<string, TerseTable> => ({
    a: { columns: `id! ${a}`, pk: "id", fk: [["b_id", "b", "id", flags]] },
    b: { columns: `id! ${b}`, pk: "id", fk: [["a_id", "a"]] },
  });

  test("breaks at a nullable foreign key", () => {
    expect(orderOf(pair("b_id", "a_id?"))).toEqual({
      order: ["b", "a"],
      deferred: [{ table: "b", foreignKey: "b_a_id_fkey", how: "null-then-update" }],
    });
  });
  test("breaks where fewer rows have to be written twice", () => {
    const tables = pair("b_id?", "a_id?");
    const many = { ...tables, a: { ...tables.a, columns: "id! b_id?", rows: 1000 } };
    expect(short(orderOf(many))).toEqual(["b b_a_id_fkey null-then-update"]);
    expect(short(orderOf(tables))).toEqual(["b b_a_id_fkey null-then-update"]);
    const others = { ...tables, b: { ...tables.b, columns: "id! a_id?", rows: 1000 } };
    expect(short(orderOf(others))).toEqual(["a a_b_id_fkey null-then-update"]);
  });
  test("breaks at a deferrable one before one that has to be altered", () => {
    expect(short(orderOf(pair("b_id", "a_id", { deferrable: true })))).toEqual(["a a_b_id_fkey deferred-check"]);
  });
  test.each<EngineName>(["postgresql", "mysql", "mariadb", "sqlite"])(
    "of NOT NULL alone is checked late by %s",
    (engine) => {
      expect(short(orderOf(pair("b_id", "a_id"), engine))).toEqual(["b b_a_id_fkey deferred-check"]);
    },
  );
  test("does not break in a key, though it be nullable", () => {
    const order = orderOf({
      a: { columns: "id! b_id? name", pk: "id", unique: ["b_id name nulls"], fk: [["b_id", "b"]] },
      b: { columns: "id! a_id", pk: "id", fk: [["a_id", "a"]] },
    });
    expect(order).toEqual({
      order: ["b", "a"],
      deferred: [{ table: "b", foreignKey: "b_a_id_fkey", how: "deferred-check" }],
    });
  });
  test("breaks a composite reference at the part that is nullable and in no key", () => {
    const order = orderOf({
      teams: { columns: "org name lead?", pk: "org name", fk: [["org lead", "people", "org nick"]] },
      people: { columns: "org nick team", pk: "org nick", fk: [["org team", "teams", "org name"]] },
    });
    expect(short(order)).toEqual(["teams teams_org_lead_fkey null-then-update"]);
  });
  test("of keys that need each other is an error that names it", () => {
    const tables = pair("b_id", "a_id");
    const schema = portableSchema(tables);
    const keys = new Map<string, TableKey>(
      schema.tables.map((one) => [
        one.id,
        { kind: "natural", columns: one.foreignKeys[0]?.columns ?? [], nests: one.foreignKeys, reason: "" },
      ]),
    );
    expect(() => orderTables(schema, keys)).toThrow(
      expect.objectContaining({
        code: "E_CYCLE",
        message: "the keys of these tables depend on each other: a.b_id → b.a_id → a",
      }),
    );
  });
});

test("10,000 tables in a chain, and in a ring", () => {
  const count = 10_000;
  const name = (at: number): string => `t${String(at % count).padStart(5, "0")}`;
  const chain = (ring: boolean): Record<string, TerseTable> =>
    Object.fromEntries(
      Array.from({ length: count }, (_, at) => [
        name(at),
        { columns: "id! n_id?", pk: "id", fk: at < count - 1 || ring ? [["n_id", name(at + 1)] as const] : [] },
      ]),
    );
  expect(orderOf(chain(false)).order.slice(0, 2)).toEqual(["t09999", "t09998"]);
  expect(short(orderOf(chain(true)))).toEqual(["t09999 t09999_n_id_fkey null-then-update"]);
});

describe("of any graph", () => {
  const link = fc.record({ to: fc.nat(29), nullable: fc.boolean(), deferrable: fc.boolean(), inKey: fc.boolean() });
  const graph = fc.array(fc.array(link, { maxLength: 4 }), { minLength: 1, maxLength: 30 });
  type Links = readonly (readonly { to: number; nullable: boolean; deferrable: boolean; inKey: boolean }[])[];
  const build = (links: Links): Schema =>
    portableSchema(
      Object.fromEntries(
        links.map((own, at) => [
          `t${at}`,
          {
            columns: ["id!", "name", ...own.map(({ nullable }, n) => `r${n}:integer${nullable ? "?" : ""}`)].join(" "),
            pk: "id",
            unique: own.some(({ inKey }) => inKey)
              ? [["name", ...own.flatMap(({ inKey }, n) => (inKey ? [`r${n}`] : []))].join(" ")]
              : [],
            fk: own.map(({ to, deferrable }, n) => [`r${n}`, `t${to % links.length}`, "id", { deferrable }] as const),
          },
        ]),
      ),
    );
  const engines = fc.constantFrom<EngineName>("postgresql", "mysql", "sqlite");

  test("every foreign key that is not deferred points to an earlier table, and each that is would close a circle", () => {
    fc.assert(
      fc.property(graph, engines, (links, engine) => {
        const schema = build(links);
        const keys = chooseKeys(schema, { keys: {} });
        const { order, deferred } = orderTables(schema, keys, portableEngine(engine).constraints.canDeferAll);
        const place = new Map(order.map((id, at) => [id, at]));
        expect(order.toSorted()).toEqual(schema.tables.map(({ id }) => id).toSorted());
        const waits = new Map(deferred.map(({ table, foreignKey, how }) => [`${table} ${foreignKey}`, how]));
        const kept = new Map(order.map((id) => [id, new Set<string>()]));
        for (const table of schema.tables) {
          for (const key of table.foreignKeys) {
            if (waits.has(`${table.id} ${key.name}`)) continue;
            expect(place.get(key.target)).toBeLessThan(place.get(table.id) ?? -1);
            kept.get(table.id)?.add(key.target);
          }
        }
        const reaches = (from: string): Set<string> => {
          const all = new Set([from]);
          for (const id of all) for (const target of kept.get(id) ?? []) all.add(target);
          return all;
        };
        for (const table of schema.tables) {
          const chosen = keys.get(table.id);
          for (const key of table.foreignKeys) {
            const how = waits.get(`${table.id} ${key.name}`);
            if (how === undefined) continue;
            expect(reaches(key.target)).toContain(table.id);
            if (how === "by-level") expect(key.target).toBe(table.id);
            const inKey = chosen?.kind === "natural" && key.columns.some((one) => chosen.columns.includes(one));
            if (inKey) expect(how).not.toBe("null-then-update");
          }
        }
      }),
    );
  });

  test("it is the same however the schema is listed", () => {
    fc.assert(
      fc.property(graph, fc.integer({ min: 0, max: 29 }), (links, by) => {
        const schema = build(links);
        const at = by % schema.tables.length;
        const shuffled = {
          ...schema,
          tables: [...schema.tables.slice(at), ...schema.tables.slice(0, at)]
            .toReversed()
            .map((table) => ({ ...table, foreignKeys: table.foreignKeys.toReversed() })),
        };
        const ordered = (one: Schema): TableOrder => orderTables(one, chooseKeys(one, { keys: {} }));
        expect(ordered(shuffled)).toEqual(ordered(schema));
      }),
    );
  });
});
