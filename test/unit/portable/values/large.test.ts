/** Large values, without a database: their form for the digest, text that comes in pieces, what a column takes. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../../../lib/database/digest/canonical.ts";
import { portableEngine } from "../../../../lib/portable/engines/registry.ts";
import { fitLarge } from "../../../../lib/portable/import/staging/size-limits.ts";
import { formOf } from "../../../../lib/portable/values/large-canonical-form.ts";
import { canonicalJsonBytes } from "../../../../lib/portable/bytes/canonical-json.ts";
import { readTag } from "../../../../lib/portable/format/large-value.ts";
import type { Column, Kind } from "../../../../lib/portable/schema/tables.ts";
import { countCharacters, Utf8Check } from "../../../../lib/portable/values/utf8.ts";

const column = (kind: Kind, more: Partial<Column> = {}): Column => ({
  name: "c",
  kind,
  native: kind,
  nullable: true,
  generated: false,
  hasDefault: false,
  ...more,
});

/** JSON text as people and databases write it: blanks, escapes, keys twice and in any order, numbers in many forms. */
const jsonText = fc.letrec<{ value: string }>((tie) => {
  const blank = fc.constantFrom("", "", " ", "\n\t");
  const string = fc.string({ unit: "binary", maxLength: 6 }).chain((text) =>
    fc.constantFrom(
      JSON.stringify(text),
      JSON.stringify(text).replaceAll(/[^\0-\x7f]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`),
    ),
  );
  const number = fc.constantFrom("0", "-0", "1.50", "-12", "1e3", "2.5E-3", "100000000000000000001", "0.10", "1e20000");
  const joined = (parts: fc.Arbitrary<string[]>, open: string, close: string): fc.Arbitrary<string> =>
    fc
      .tuple(blank, parts)
      .map(([space, all]) => `${space}${open}${space}${all.join(`${space},${space}`)}${space}${close}`);
  return {
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.oneof(string, number, fc.constantFrom("true", "false", "null")),
      joined(fc.array(tie("value"), { maxLength: 4 }), "[", "]"),
      joined(
        fc.array(
          fc
            .tuple(fc.oneof(string, fc.constantFrom('"a"', '"b"', '"\\u0061"')), blank, tie("value"))
            .map(([key, space, value]) => `${key}${space}:${space}${value}`),
          { maxLength: 5 },
        ),
        "{",
        "}",
      ),
    ),
  };
}).value;

describe("JSON as bytes", () => {
  test("has the form that JSON has as text", () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        expect(canonicalJsonBytes(Buffer.from(text)).toString()).toBe(canonicalJson(text));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    "",
    "[1,]",
    "[1 2]",
    "{a:1}",
    '{"a" 1}',
    '"a',
    '"\\x"',
    "tru",
    "01",
    "[1]]",
    '"\n"',
    "-",
    "[".repeat(300),
    "[,]",
    '{"a":1,}',
    "[1",
    '{"a":1',
  ])("%j is none", (text) => expect(canonicalJsonBytes(Buffer.from(text)).toString()).toBe(canonicalJson(text)));
});

test("bytes in pieces are UTF-8 when all of them together are", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }).map((text) => Buffer.from(text)),
        fc.uint8Array().map((all) => Buffer.from(all)),
      ),
      fc.array(fc.nat(4)),
      (bytes, steps) => {
        const check = new Utf8Check();
        let [at, characters] = [0, 0];
        for (const step of [...steps, bytes.length]) {
          const piece = bytes.subarray(at, at + step);
          check.add(piece);
          characters += countCharacters(piece);
          at += piece.length;
        }
        const isText = Buffer.from(bytes.toString()).equals(bytes);
        expect(check.isValid).toBe(isText);
        if (isText) expect(characters).toBe([...bytes.toString()].length);
      },
    ),
    { numRuns: 2000 },
  );
});

describe("the form of a large value", () => {
  const formed = (own: Column, is: "text" | "bytes", ...pieces: string[]): string => {
    const hash = createHash("sha256");
    const bytes = pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0);
    const form = formOf({ column: own, bytes, is }, "t.c", hash);
    for (const piece of pieces) form.add(Buffer.from(piece));
    form.finish();
    return hash.digest("hex");
  };
  const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

  test.each([
    [column("bytes"), "bytes", "3:xab"],
    [column("text"), "text", "3:tab"],
    [column("array"), "text", "3:tab"],
    [column("text"), "bytes", "3:xab"],
    [column("bytes"), "text", "3:tab"],
    // It came from a column of another sort.
    [column("text", { sourceKind: { kind: "bytes", native: "", isDjango: false } }), "text", "3:xab"],
    [column("bytes", { sourceKind: { kind: "text", native: "", isDjango: false } }), "bytes", "3:tab"],
  ] as const)("%#: is that of its column, its length before it", (own, is, form) => {
    expect(formed(own, is, "a", "b")).toBe(sha256(form));
  });

  test("JSON is in its own form, also where its column was a text here or there; invalid JSON stays as it is", () => {
    const pieces = ['{ "b": 1.0', ', "a": [] }'];
    const canonical = '{"a":[],"b":1}';
    expect(formed(column("json"), "text", ...pieces)).toBe(sha256(`${canonical.length + 1}:j${canonical}`));
    expect(
      formed(column("text", { sourceKind: { kind: "json", native: "", isDjango: false } }), "text", ...pieces),
    ).toBe(sha256(`${canonical.length + 1}:j${canonical}`));
    expect(
      formed(column("json", { sourceKind: { kind: "text", native: "", isDjango: false } }), "text", ...pieces),
    ).toBe(sha256(`${pieces.join("").length + 1}:t${pieces.join("")}`));
    expect(formed(column("json"), "text", "{no")).toBe(sha256("4:j{no"));
  });
});

describe("what a column takes", () => {
  const limit = { bytes: 1000, of: "PostgreSQL" };
  const fit = (engine: "postgresql" | "mariadb" | "sqlite", own: Column, as?: "text" | "bytes", bytes = 900) =>
    fitLarge(
      portableEngine(engine).values,
      own,
      { $: "blob", sha256: "0".repeat(64), bytes, ...(as && { as }) },
      limit,
    );

  test("texts and bytes of their own kind, and each as the other where the columns are", () => {
    expect(fit("postgresql", column("text"))).toBe("text");
    expect(fit("postgresql", column("json"))).toBe("text");
    expect(fit("mariadb", column("bytes"))).toBe("bytes");
    expect(fit("sqlite", column("timestamp"))).toBe("text");
    expect(fit("sqlite", column("text"), "bytes")).toBe("bytes");
    expect(fit("postgresql", column("bytes"), "bytes")).toBe("bytes");
    expect(fit("postgresql", column("text"), "text")).toBe("text");
  });

  test.each([
    ["postgresql", column("integer"), undefined, "cannot hold a large value of 900 bytes; it takes integer"],
    ["sqlite", column("integer"), undefined, "cannot hold a large value of 900 bytes; it takes integer"],
    ["postgresql", column("text"), "bytes", "cannot hold a large value of 900 bytes; it takes text"],
    ["mariadb", column("bytes"), "text", "cannot hold a large value of 900 bytes; it takes bytes"],
    ["mariadb", column("text", { octets: 255 }), undefined, "the limit of text is 255"],
    ["mariadb", column("bytes", { length: 20 }), undefined, "the limit of bytes is 20"],
  ] as const)("%s %o refuses %s", (engine, own, as, said) => expect(() => fit(engine, own, as)).toThrow(said));

  test("the engine's own limit comes first where it is the least", () => {
    expect(() => fit("postgresql", column("text"), undefined, 1001)).toThrow(
      "cannot hold a value of 1001 bytes; the limit of PostgreSQL is 1000",
    );
  });
});

test.each([
  { $: "blob", sha256: "../../etc/passwd", bytes: 1 },
  { $: "blob", sha256: "0".repeat(64), bytes: -1 },
  { $: "blob", sha256: "0".repeat(64), bytes: 1, as: "other" },
  { $: "blob", sha256: "0".repeat(64), bytes: 1, more: 1 },
])("%o stands for no value", (tag) => expect(readTag(tag as Parameters<typeof readTag>[0])).toBeUndefined());
