/** Documents by lines between processes. */
import { Readable } from "node:stream";
import fc from "fast-check";
import * as z from "zod";
import { expect, test } from "vitest";
import { jsonLine, readJsonLines } from "../../../lib/exec/json-lines.ts";

const schema = z.object({ text: z.string() });

async function read(chunks: readonly (string | Buffer)[]): Promise<string[]> {
  const texts: string[] = [];
  await readJsonLines(Readable.from(chunks, { objectMode: false }), schema, ({ text }) => void texts.push(text));
  return texts;
}

test("any texts arrive as they were sent, wherever the stream is cut", async () => {
  const separators = fc.constantFrom("\u2028", "\u2029", "\n", "\r", "\u0085", "🙂", '"', "\\");
  const texts = fc.array(fc.string({ unit: fc.oneof(separators, fc.string({ minLength: 1, maxLength: 3 })) }));
  await fc.assert(
    fc.asyncProperty(texts, fc.integer({ min: 1, max: 9 }), async (sent, length) => {
      const bytes = Buffer.from(sent.map((text) => jsonLine({ text })).join(""));
      const pieces = Array.from({ length: Math.ceil(bytes.length / length) }, (_none, at) =>
        bytes.subarray(at * length, (at + 1) * length),
      );
      expect(await read(pieces)).toEqual(sent);
    }),
  );
});

test("a line that is not valid is an error, and never passed over", async () => {
  await expect(read(['{"text":1}\n'])).rejects.toMatchObject({ code: "E_INTERNAL" });
  await expect(read(['{"text":"a"\n'])).rejects.toMatchObject({ code: "E_INTERNAL" });
  await expect(read(["Debugger attached\n"])).rejects.toMatchObject({ code: "E_INTERNAL" });
});

test("reading ends when the last document has been taken, though the stream stays open", async () => {
  const stream = new Readable({ read: () => {} });
  stream.push(jsonLine({ text: "last" }));
  await readJsonLines(stream, schema, () => false);
  expect(stream.destroyed).toBe(true);
});
