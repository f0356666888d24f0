/** What a writer makes, a reader takes: also of a site with more to say than one document holds. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { assertReadable } from "../../../lib/archive/limits.ts";
import { ArchiveSink } from "../../../lib/archive/output.ts";
import { ZipWriter } from "../../../lib/archive/zip/writer.ts";
import { HoldfastError } from "../../../lib/errors.ts";
import { readDocument, writeDocument } from "../../../lib/store/files/json-documents.ts";
import { manifestSchema } from "../../../lib/model/run.ts";
import * as z from "zod";
import { runBuilt } from "../../support/runs/backup.ts";
import { tempDirectory } from "../../support/temp.ts";
import { PYTHON } from "../../support/python.ts";

/** Makes FIFOs, each of which is a warning, in a directory with a path as long as it can be. */
const FIFOS = `
import os, sys
os.chdir(sys.argv[1])
for _ in range(15):
    os.mkdir("d" * 250); os.chdir("d" * 250)
open("file", "w").close()
for at in range(18000): os.mkfifo("f%05d" % at)
`;

test("a unit with more warnings than its metadata can hold is verified and restored", async () => {
  const base = tempDirectory();
  mkdirSync(join(base, "site/tree"), { recursive: true });
  execFileSync(PYTHON, ["-c", FIFOS, join(base, "site/tree")]);
  const config = join(base, "site.yaml");
  writeFileSync(config, `site: s\nroot: ${base}/site\ndest: ${base}/store\ntrees: [tree]\n`);
  const env = { XDG_STATE_HOME: join(base, "state") };
  expect((await runBuilt("backup_all", ["--config", config, "--quiet"], { env })).code).toBe(0);
  const metadata = readFileSync(join(base, "store/latest/trees/tree/metadata.json"), "utf8");
  expect(metadata).toContain("left out of this list: 13000 more warnings");
  expect(await runBuilt("verify", ["--dest", join(base, "store")], { env })).toMatchObject({ code: 0 });
  expect((await runBuilt("restore", ["--dest", join(base, "store"), "--to", join(base, "r")], { env })).code).toBe(0);
  expect(
    readdirSync(join(base, "r"), { recursive: true }).filter((name) => String(name).endsWith("/file")),
  ).toHaveLength(1);
});

/** Makes files that no step covers, beside a tree, in a directory with a path as long as it can be. */
const STRAYS = FIFOS.replace("os.mkfifo(", "os.mknod(").replace('open("file", "w").close()', 'os.mkdir("tree")');

test("a manifest of more uncovered paths than it can hold says how many more there are, and can be read", async () => {
  const base = tempDirectory();
  mkdirSync(join(base, "site"));
  execFileSync(PYTHON, ["-c", STRAYS, join(base, "site")]);
  const config = join(base, "site.yaml");
  const tree = `${`${"d".repeat(250)}/`.repeat(15)}tree`;
  writeFileSync(config, `site: s\nroot: ${base}/site\ndest: ${base}/store\ntrees: [{ name: tree, path: ${tree} }]\n`);
  const env = { XDG_STATE_HOME: join(base, "state") };
  const { code, stderr } = await runBuilt("backup_all", ["--config", config], { env });
  expect([code, stderr]).toEqual([0, expect.stringContaining(" and 17995 more")]);
  const { uncovered } = readDocument(join(base, "store/latest/manifest.json"), manifestSchema);
  const [first = "", ...others] = uncovered;
  expect(first).toMatch(/d\/f00000$/);
  expect(others.at(-1)).toBe(`… and ${18_000 - others.length} more`);
  expect(others.length).toBeGreaterThan(2000);
});

test("a document that no reader takes is refused when it is written", () => {
  const file = join(tempDirectory(), "document.json");
  const fits = { texts: Array.from({ length: 60 }, () => "x".repeat(1_000_000)) };
  writeDocument(file, fits);
  expect(readDocument(file, z.object({ texts: z.array(z.string()) }))).toEqual(fits);
  for (const value of [
    { texts: Array.from({ length: 70 }, () => "x".repeat(1_000_000)) },
    Array.from({ length: 2_000_001 }, () => []),
  ])
    expect(() => writeDocument(file, value)).toThrow(expect.objectContaining({ code: "E_IO" }) as Error);
  expect(() => assertReadable("[]")).not.toThrow();
});

test("a zip with more entries than a reader takes fails, and says what to do", () => {
  const file = join(tempDirectory(), "a.zip");
  const sink = new ArchiveSink(file);
  const writer = new ZipWriter(sink, { level: 1, mostEntries: 3 });
  const attributes = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n };
  for (const name of ["a", "b", "c"]) writer.addBytes(name, Buffer.from(name), attributes);
  expect(() => writer.addBytes("d", Buffer.from("d"), attributes)).toThrow(HoldfastError);
  sink.discard();
});
