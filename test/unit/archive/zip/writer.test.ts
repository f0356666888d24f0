/** Entries of a ZIP whose length nobody knows before their end. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ArchiveSink } from "../../../../lib/archive/output.ts";
import { verifyZip } from "../../../../lib/archive/zip/reader.ts";
import { ZipWriter } from "../../../../lib/archive/zip/writer.ts";
import { tempDirectory } from "../../../support/temp.ts";
import { PYTHON } from "../../../support/python.ts";

const ATTRIBUTES = { mode: 0o640, uid: 0, gid: 0, mtimeNs: 0n };

test.each([
  ["the limits of the format", undefined],
  ["limits so low that all is zip64", { bytes: 1000, entries: 2 }],
])("streamed entries are what was written, to every reader, with %s", async (_what, zip64) => {
  const directory = tempDirectory();
  const file = join(directory, "streamed.zip");
  const contents: Record<string, Buffer[]> = {
    nothing: [],
    "text.json": Array.from({ length: 40 }, (_one, at) => Buffer.from(`[${at}, "${"x".repeat(5000)}"],\n`)),
    noise: [randomBytes(200_000), randomBytes(1), randomBytes(70_000)],
    "packed.gz": [randomBytes(100)],
  };
  const sink = new ArchiveSink(file);
  const zip = new ZipWriter(sink, { level: 3, ...(zip64 && { zip64 }) });
  for (const [name, pieces] of Object.entries(contents)) {
    const entry = zip.addStream(name, ATTRIBUTES);
    for (const piece of pieces) entry.write(piece);
    expect(entry.end().size).toBe(Buffer.concat(pieces).length);
    zip.addBytes(`${name}.after`, Buffer.from("after"), ATTRIBUTES);
  }
  expect(() => zip.addStream("noise", ATTRIBUTES)).toThrow("twice");
  zip.close();
  sink.finish();
  expect((await verifyZip(file)).entries).toBe(8);
  execFileSync("unzip", ["-tqq", file]);
  execFileSync("7z", ["t", file], { stdio: "pipe" });
  const code = "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); sys.stdout.buffer.write(z.read(sys.argv[2]))";
  for (const [name, pieces] of Object.entries(contents))
    expect(execFileSync(PYTHON, ["-c", code, file, name]).equals(Buffer.concat(pieces))).toBe(true);
});
