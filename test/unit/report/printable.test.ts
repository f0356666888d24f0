import fc from "fast-check";
import { expect, test } from "vitest";
import { forTerminal, owned, printable, printableLines } from "../../../lib/report/printable.ts";

const red = owned((text) => `\u001b[31m${text}\u001b[39m`);
const STEERS = /[\0-\u001f\u007f-\u009f\u2028\u202e]/; // oxlint-disable-line no-control-regex

test("a line has no control character, whatever is in the text, and escapes are not escaped again", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(printable(text)).not.toMatch(STEERS);
      expect(printable(printable(text))).toBe(printable(text));
    }),
  );
});

test("colours of our own reach the terminal, those of a name are shown", () => {
  expect(forTerminal(printable(red("a\u001b[31mb\r")))).toBe("\u001b[31ma\\x1b[31mb\\x0d\u001b[39m");
  expect(forTerminal(red(`x${red("y")}`))).toBe("\u001b[31mx\u001b[31my\u001b[39m\u001b[39m");
});

test("a text keeps its lines and tabs, a line of a report never breaks", () => {
  expect(forTerminal("a\n\tb\r")).toBe("a\n\tb\\x0d");
  expect(printableLines(["a\nb", "c"])).toBe("a\\nb\nc");
});
