import { expect, test } from "vitest";
import { isAsciiLocale, toAscii } from "../../../lib/report/ascii.ts";

test("LC_ALL counts before LC_CTYPE, and that before LANG; without any the output is UTF-8", () => {
  expect(isAsciiLocale({ LANG: "C" })).toBe(true);
  expect(isAsciiLocale({ LANG: "C", LC_ALL: "de_DE.UTF-8" })).toBe(false);
  expect(isAsciiLocale({ LANG: "de_DE.UTF-8", LC_CTYPE: "POSIX" })).toBe(true);
  expect(isAsciiLocale({ LANG: "C.UTF-8" })).toBe(false);
  expect(isAsciiLocale({ LC_ALL: "", LANG: "" })).toBe(false);
});

test("signs become words, other characters their bytes", () => {
  expect(toAscii("✓ 3 units … é\n")).toBe("ok 3 units ... \\xc3\\xa9\n");
  expect(toAscii("plain")).toBe("plain");
});
