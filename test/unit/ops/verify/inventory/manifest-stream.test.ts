import { writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { streamManifest } from "../../../../../lib/ops/verify/inventory/manifest-stream.ts";
import { tempDirectory } from "../../../../support/temp.ts";

const { signal } = new AbortController();

/** The rest of a manifest, and what was handed over item by item. */
async function stream(text: string): Promise<{ rest: unknown; items: [string, string, unknown][] }> {
  const file = path.join(tempDirectory(), "manifest.json");
  writeFileSync(file, text);
  const items: [string, string, unknown][] = [];
  const rest = await streamManifest(file, (step, list, item) => items.push([step, list, item]), signal);
  return { rest, items };
}

describe("streamManifest", () => {
  test("hands over what each step lists and leaves the rest, however it is written and wherever chunks end", async () => {
    const awkward = fc.constantFrom('"', "\\", "]", "}", ",", "[", '\\"', "é", "😀", "\u2028", "index", "steps");
    const item = fc.dictionary(fc.oneof(fc.string(), awkward), fc.jsonValue());
    const step = fc.record({
      status: fc.string(),
      index: fc.array(item),
      metadata: fc.array(item),
      other: fc.jsonValue(),
    });
    const manifest = fc.record({
      run: fc.oneof(fc.string(), awkward),
      steps: fc.dictionary(fc.constantFrom("source_exports", "db", "infra"), step),
      failures: fc.array(fc.jsonValue()),
      extra: fc.jsonValue(),
    });
    await fc.assert(
      fc.asyncProperty(manifest, fc.constantFrom(0, 2), fc.nat(300_000), async (value, indent, padding) => {
        const text = JSON.stringify({ padding: "x".repeat(padding), ...value }, null, indent);
        const { rest, items } = await stream(text);
        const parsed: { steps: Record<string, { index: unknown[]; metadata: unknown[] }> } = JSON.parse(text);
        const expected = Object.entries(parsed.steps).flatMap(([name, lists]) =>
          Object.entries(lists).flatMap(([list, listed]) =>
            list === "index" || list === "metadata" ? listed.map((one) => [name, list, one]) : [],
          ),
        );
        expect(items).toEqual(expected);
        for (const lists of Object.values(parsed.steps)) Object.assign(lists, { index: [], metadata: [] });
        expect(rest).toEqual(parsed);
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ["nothing", ""],
    ["half a file", '{"steps": {"db": {"index": [{"a": 1}'],
    ["a comma too many", '{"steps": {"db": {"index": [{"a": 1},]}}}'],
    ["a comma for an item", '{"steps": {"db": {"index": [,{"a": 1}]}}}'],
    ["a broken item", '{"steps": {"db": {"metadata": [{"a" 1}]}}}'],
    ["a broken rest", '{"steps": {"db": {"metadata": []}}'],
    ["a string that does not end", '{"steps": {"db": {"metadata": ["a]}}}'],
  ])("refuses %s", async (_, text) => {
    await expect(stream(text)).rejects.toMatchObject({ code: "E_VERIFY" });
  });
});
