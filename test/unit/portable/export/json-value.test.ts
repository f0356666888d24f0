/** Values as Django's serialiser writes them, and the names of packages. */
import { describe, expect, test } from "vitest";
import type { Column, Kind } from "../../../../lib/portable/schema/tables.ts";
import type { JsonValue } from "../../../../lib/portable/format/value.ts";
import { knownZone, packageName, timestampIn } from "../../../../lib/portable/export/django/file-name.ts";
import { jsonText } from "../../../../lib/portable/export/json-value.ts";

const column = (kind: Kind): Column => ({
  name: "x",
  kind,
  native: kind,
  nullable: true,
  generated: false,
  hasDefault: false,
});
const text = (kind: Kind, value: JsonValue, utc = false): string => jsonText(column(kind), value, utc);

test.each<[Kind, JsonValue, string]>([
  ["text", null, "null"],
  ["text", 'a\u2028"\n', '"a\u2028\\"\\n"'],
  ["integer", 7, "7"],
  ["integer", "18446744073709551615", '"18446744073709551615"'],
  ["decimal", "1.50", '"1.50"'],
  ["float8", 1e300, "1e+300"],
  ["float8", { $: "nan" }, '"NaN"'],
  ["float8", { $: "-inf" }, '"-Infinity"'],
  ["timestamp", { $: "-inf" }, '"-infinity"'],
  ["timestamptz", "2024-02-29 23:59:59.1", '"2024-02-29T23:59:59.100000Z"'],
  ["timestamp", "2024-02-29 23:59:59.123456", '"2024-02-29T23:59:59.123456"'],
  ["timestamp", "2024-02-29 23:59:59", '"2024-02-29T23:59:59"'],
  ["timestamp", "0044-03-15 00:00:00 BC", '"0044-03-15 00:00:00 BC"'],
  ["time", "23:59:59.5", '"23:59:59.500000"'],
  ["time", "-838:59:59", '"-838:59:59"'],
  ["date", "2024-02-29", '"2024-02-29"'],
  ["text", "2024-02-29 23:59:59", '"2024-02-29 23:59:59"'],
  ["json", '{"a":\n 1.50, "a": 12345678901234567890}', '{"a":  1.50, "a": 12345678901234567890}'],
  ["json", "no json", '{"$":"text","v":"no json"}'],
  ["bytes", "AP8=", '"AP8="'],
  ["bytes", { $: "text", v: "AP8=" }, '{"$":"text","v":"AP8="}'],
  ["text", { $: "bytes", v: "AP8=" }, '{"$":"bytes","v":"AP8="}'],
  ["integer", { $: "text", v: "seven" }, '"seven"'],
  ["integer", { $: "float", v: "1.5" }, "1.5"],
  ["text", { $: "integer", v: "9007199254740993" }, '"9007199254740993"'],
])("%s %j is %s", (kind, value, expected) => {
  expect(text(kind, value)).toBe(expected);
  JSON.parse(expected);
});

test("times without a zone are UTC where they are known to be", () => {
  expect(text("timestamp", "2024-02-29 23:59:59", true)).toBe('"2024-02-29T23:59:59Z"');
});

describe("a package's name", () => {
  const at = new Date("2026-12-31T23:30:05Z");

  test.each([
    ["Asia/Tokyo", "sortable", "shop_20270101_083005.zip"],
    ["Asia/Tokyo", "us", "shop_010127_083005.zip"],
    ["UTC", "sortable", "shop_20261231_233005.zip"],
    ["America/St_Johns", "us", "shop_123126_200005.zip"],
  ] as const)("in %s, %s", (zone, style, expected) => {
    expect(packageName("shop", at, zone, style)).toBe(expected);
  });

  test.each([
    ["../../etc/passwd", "_.._etc_passwd_"],
    ["", "backup_"],
    ["Ann's shöp", "Ann_s_shöp_"],
    [".hidden", "hidden_"],
    ["x".repeat(300), `${"x".repeat(60)}_`],
  ])("%s is a file's name", (name, expected) => {
    expect(packageName(name, at, "UTC", "sortable")).toBe(`${expected}20261231_233005.zip`);
  });

  test("the time in it has its offset, midnight is 00, and an invalid zone is refused", () => {
    expect(timestampIn(at, "Asia/Kathmandu")).toBe("2027-01-01T05:15:05+05:45");
    expect(timestampIn(new Date("2026-01-01T00:00:00Z"), "UTC")).toBe("2026-01-01T00:00:00+00:00");
    expect(() => knownZone("Mars/Base")).toThrow("unknown time zone Mars/Base");
  });
});
