import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { numberOrText, parseJson, toRow, withoutSemicolon } from "../../../lib/database/query-values.ts";
import { parseXml } from "../../../lib/database/mysql/session.ts";

test("64-bit integers rounded: a whole number becomes a number only when nothing of it is lost", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }), (value) => {
      expect(String(numberOrText(String(value)))).toBe(String(value));
    }),
  );
  expect(numberOrText("9007199254740991")).toBe(9007199254740991);
  expect(numberOrText("9007199254740993")).toBe("9007199254740993");
});

test.each(["1.50", "0.1", "00012", "-0", "1e400", "NaN", "5.0", ""])("%s stays the text it is", (text) => {
  expect(numberOrText(text)).toBe(text);
});

describe("parseJson", () => {
  test("gives what JSON.parse gives, where doubles hold the numbers", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value, (_key, part: unknown) => (typeof part === "number" ? part % 1e15 : part));
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test("keeps numbers that a double cannot hold, and digits in strings as they are", () => {
    expect(
      parseJson(
        '{"a": 9007199254740993, "b": [1.5, 0.1234567890123456789], "c": "9007199254740993 \\" 12345678901234567890"}',
      ),
    ).toEqual({
      a: "9007199254740993",
      b: [1.5, "0.1234567890123456789"],
      c: '9007199254740993 " 12345678901234567890',
    });
    expect(parseJson("1e400")).toBe("1e400");
  });

  test("takes long strings", () => {
    const long = `${'\\n\\"x'.repeat(2_000_000)}`;
    expect(parseJson(`{"a": "${long}"}`)).toEqual({ a: '\n"x'.repeat(2_000_000) });
  });
});

test("a row keeps its columns in order, and refuses a name that is there twice", () => {
  expect(
    Object.entries(
      toRow([
        ["b", 1],
        ["a", null],
        ["__proto__", 2],
      ]),
    ),
  ).toEqual([
    ["b", 1],
    ["a", null],
    ["__proto__", 2],
  ]);
  expect(() =>
    toRow([
      ["id", 1],
      ["name", 2],
      ["id", 3],
    ]),
  ).toThrow("two columns with the name id");
});

test("semicolons at the end are taken off, others not", () => {
  expect(withoutSemicolon("select ';' ; \n;\t")).toBe("select ';'");
});

test("the client's XML gives back every text, NULL apart from '' and 'NULL'", () => {
  const encode = (text: string): string =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
  const cell = fc.option(
    fc.string({
      unit: fc.constantFrom(
        "<",
        ">",
        "&",
        '"',
        "'",
        "\n",
        "\r",
        "\t",
        "a",
        "é",
        "🎉",
        "&lt;",
        "</field>",
        "<row>",
        "</resultset>",
      ),
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.array(cell, { minLength: 1, maxLength: 3 }), { maxLength: 4 }), cell, (rows, name) => {
      const column = encode(name ?? "x");
      const body = rows
        .map((row) => {
          const fields = row.map((text) =>
            text === null
              ? `\t<field name="${column}" xsi:nil="true" />\n`
              : `\t<field name="${column}">${encode(text)}</field>\n`,
          );
          return `\n  <row>\n${fields.join("")}  </row>\n`;
        })
        .join("");
      const xml = `<?xml version="1.0"?>\n\n<resultset statement="execute &quot;x&quot;" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">${body}</resultset>\n`;
      const [first, second] = parseXml(xml + xml);
      expect(first).toEqual({
        statement: 'execute "x"',
        rows: rows.map((row) => row.map((text) => [name ?? "x", text])),
      });
      expect(second).toEqual(first);
    }),
  );
});
