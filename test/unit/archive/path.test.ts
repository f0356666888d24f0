import { expect, test } from "vitest";
import { basename, display, fromString, isUtf8, join, toBuffer } from "../../../lib/archive/path.ts";

test("a path keeps its bytes, whatever they are", () => {
  const bytes = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1));
  expect(toBuffer(bytes.toString("latin1"))).toEqual(bytes);
  expect(toBuffer(fromString("é🎉"))).toEqual(Buffer.from("é🎉"));
});

test.each([
  ["plain", true],
  [fromString("é🎉"), true],
  ["caf\xe9", false],
  ["\xe2\x82", false],
])("%j is UTF-8: %s", (path, expected) => {
  expect(isUtf8(path)).toBe(expected);
});

test.each([
  ["plain/name with spaces", "plain/name with spaces"],
  [fromString("é 🎉"), "é 🎉"],
  [fromString("real \ufffd"), "real \ufffd"],
  ["a\nb", "a\\nb"],
  ["a\\nb", "a\\\\nb"],
  ["caf\xe9", "caf\\xe9"],
  ["overlong \xc0\xaf", "overlong \\xc0\\xaf"],
  ["surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80"],
  [fromString("é") + "\xff", "é\\xff"],
  ["\x1b[31mred\x7f", "\\x1b[31mred\\x7f"],
  [fromString("\u202eright to left"), "\\xe2\\x80\\xaeright to left"],
  [fromString("\u2028"), "\\xe2\\x80\\xa8"],
  [fromString("\u0085"), "\\xc2\\x85"],
])("%j is shown on one line as %j", (path, expected) => {
  expect(display(path)).toBe(expected);
});

test("joins and takes apart", () => {
  expect(join("", "a")).toBe("a");
  expect(join("a", "")).toBe("a");
  expect(join("a", "b")).toBe("a/b");
  expect(join("/", "b")).toBe("/b");
  expect(basename("a/b")).toBe("b");
  expect(basename("b")).toBe("b");
});
