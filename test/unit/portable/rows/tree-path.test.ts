/** The way from the root of a tree to a row, on its way out and in. */
import { describe, expect, test } from "vitest";
import { ByteWriter } from "../../../../lib/portable/bytes/byte-writer.ts";
import { levelsOf, nest, unnest, type JsonCell } from "../../../../lib/portable/rows/nested-key.ts";
import { RowLayout, type KeyColumn } from "../../../../lib/portable/rows/fields.ts";
import { hashedLevels, PathHasher, pathBelow } from "../../../../lib/portable/import/staging/path-hash.ts";
import { chooseKeys } from "../../../../lib/portable/schema/keys/choose.ts";
import { isPath, pathCells, pathEncoder, type PathLeaf } from "../../../../lib/portable/rows/tree-path.ts";
import { exportedKeys } from "../../../../lib/portable/schema/keys/exported.ts";
import { jsonCellText } from "../../../../lib/portable/export/json-value.ts";
import { portableEngine } from "../../../../lib/portable/engines/registry.ts";
import { portableSchema } from "../../../support/portable/schema.ts";

const schema = portableSchema({
  site: { columns: "id! name", pk: "id", unique: ["name"] },
  page: {
    columns: "id! site_id parent_id? slug",
    pk: "id",
    unique: ["site_id parent_id slug"],
    fk: [
      ["site_id", "site"],
      ["parent_id", "page"],
    ],
  },
  note: { columns: "id! page_id text", pk: "id", unique: ["page_id text"], fk: [["page_id", "page"]] },
  mark: { columns: "id! note_id", pk: "id", fk: [["note_id", "note"]] },
});
const fields = new RowLayout(schema, exportedKeys(schema, chooseKeys(schema, { keys: {} })));
const leavesOf = (table: string): KeyColumn[] =>
  fields.of(table).fields.flatMap((field) => (field.kind === "link" ? fields.leavesOf(field.link) : []));
const [toPage] = leavesOf("note");
const path = (leaf: KeyColumn | undefined): PathLeaf => {
  if (leaf === undefined || !isPath(leaf)) throw new Error("no path");
  return leaf;
};
const hex = (...values: string[]): string => values.map((value) => Buffer.from(value).toString("hex")).join(",");

describe("a path", () => {
  const text = hex("one", "home", "one", 'ab"out, é');
  const cells = [["one"], "home", ["one"], 'ab"out, é'];

  test("is one flat list of the parts of each level, and digested as these", () => {
    expect(pathCells(portableEngine("postgresql"), path(toPage), text)).toEqual(cells);
    const to = { line: new ByteWriter(), form: new ByteWriter() };
    pathEncoder(portableEngine("postgresql"), path(toPage))(hex("one", "home"), to);
    expect([String(to.line), String(to.form)]).toEqual(['["one"],"home"', "4:tone5:thome"]);
  });

  test("has brackets of its own within another key, and is found there again", () => {
    const leaves = leavesOf("mark");
    const values = [cells, "text"];
    const key = nest(
      leaves.map((leaf, at) => ({ leaf, value: values[at] ?? null })),
      1,
    );
    expect(key).toEqual([cells, "text"]);
    expect(unnest(leaves, key, 1)).toEqual(values);
    expect(jsonCellText(leaves, key, false)).toBe('[[["one"], "home", ["one"], "ab\\"out, é"], "text"]');
  });

  test.each<[string, JsonCell]>([
    ["a value", "home"],
    ["nothing", []],
    ["half a level", [["one"], "home", ["one"]]],
  ])("is not %s", (_what, cell) => {
    expect(() => levelsOf(cell, 2)).toThrow("expected a key");
  });

  test("of the same rows has the same hash, with the paths above it, in every engine", () => {
    const levels = hashedLevels(cells, 2);
    expect(levels.map(({ above }) => above)).toEqual([null, levels[0]?.hash]);
    const hasher = new PathHasher();
    expect([hasher.of(cells, 2), hasher.of(cells, 2)]).toEqual([levels[1]?.hash, levels[1]?.hash]);
    expect(hasher.of(pathBelow([["one"], "home"], [["one"], 'ab"out, é']), 2)).toBe(levels[1]?.hash);
    // Cells that run into each other are others.
    expect(hasher.of(["a", "b"], 1)).not.toBe(hasher.of(["ab"], 1));
    expect(() => pathBelow({ $raw: [7] }, ["x"])).toThrow("references a parent that is not identified by its key");
  });

  test("of too many levels is refused", () => {
    const long = Array.from({ length: 5002 }, () => "x");
    expect(() => hashedLevels(long, 1)).toThrow("5002 levels");
    expect(() =>
      pathCells(portableEngine("postgresql"), path(toPage), hex(...long.flatMap((one) => [one, one]))),
    ).toThrow("page has rows nested more than 5000 levels deep");
  });
});

describe("what is not followed as a tree", () => {
  const kindOf = (columns: string, unique: string, fk: [string, string, string?][]): string => {
    const own = portableSchema({ t: { columns, pk: "id", unique: [unique], fk } });
    return exportedKeys(own, chooseKeys(own, { keys: { t: unique.split(" ") } })).get("t")?.kind ?? "";
  };

  test("a parent of several columns, or two parents: rows are identified by their primary key", () => {
    expect(kindOf("id! parent_id? slug", "parent_id slug", [["parent_id", "t"]])).toBe("natural");
    expect(kindOf("id! tenant parent? slug", "tenant parent slug", [["tenant parent", "t", "tenant slug"]])).toBe("reference"); // prettier-ignore
    expect(kindOf("id! left_id? right_id? slug", "left_id right_id slug", [["left_id", "t"], ["right_id", "t"]])).toBe("reference"); // prettier-ignore
  });
});
