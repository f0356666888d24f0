/**
 * Gives a reader changed copies of a file that our own writer made, as a process of its own: whoever starts it sees whether the reader comes to an
 * end, and in how much memory. Arguments: the reader, the file, how many copies, and a seed where one failed.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { readEntryList } from "../../lib/archive/entry-list.ts";
import { fromString } from "../../lib/archive/path.ts";
import { BLOCK, checksum } from "../../lib/archive/tar/format.ts";
import { unpackArchive } from "../../lib/archive/unpack/archive.ts";
import { verifyTgz } from "../../lib/archive/tar/tgz-reader.ts";
import { readZipDirectory } from "../../lib/archive/zip/directory.ts";
import { verifyZip } from "../../lib/archive/zip/reader.ts";
import { HoldfastError } from "../../lib/errors.ts";
import { metadataSchema } from "../../lib/model/unit.ts";
import { openMigrationPackage } from "../../lib/ops/package/open.ts";
import { streamManifest } from "../../lib/ops/verify/inventory/manifest-stream.ts";
import { readDump } from "../../lib/portable/sources/read/dumpdata.ts";
import { readRecords } from "../../lib/portable/sources/read/records-file.ts";
import { openExport, readRows } from "../../lib/portable/read/export-reader.ts";
import { readDocument } from "../../lib/store/files/json-documents.ts";
import { readFailures, readManifestHead } from "../../lib/store/run/manifest.ts";
import { readPlaces } from "../../lib/store/run/places.ts";
import { readSums } from "../../lib/store/run/checksums.ts";
import { makeTemp, removeTree } from "./temp-trees.ts";

/** Part of a file from 0 to 1, and what happens there; in a tar header, to one of its fields. */
type Change = readonly [
  at: number,
  what: "bytes" | "cut" | "drop" | "double" | "fill" | "number",
  value: Uint8Array,
  field: number,
];

/** Where the fields of a tar header begin: name, mode, owners, size, time … */
const FIELDS = [0, 100, 108, 116, 124, 136, 156, 157, 257, 345] as const;

const { signal } = new AbortController();
const work = makeTemp();

const drain = async (items: AsyncIterable<unknown> | Iterable<unknown>): Promise<void> => {
  for await (const item of items) void item;
};

async function unpack(archive: string, format: "zip" | "tgz"): Promise<void> {
  const into = join(work, "out");
  mkdirSync(into);
  try {
    await unpackArchive({
      archive,
      format,
      targets: [{ prefix: "", into: fromString(into) }],
      owners: null,
      limits: { bytes: 1 << 24, entries: 10_000, depth: 100 },
      cancelled: () => false,
    });
  } finally {
    rmSync(into, { recursive: true });
  }
}

async function readExport(directory: string): Promise<void> {
  const from = await openExport(directory, { verify: false, signal });
  for (const { table } of from.tables) await drain(readRows(from, table, signal));
}

const READERS: Readonly<Record<string, (file: string) => unknown>> = {
  zip: async (file) => {
    readZipDirectory(file);
    await verifyZip(file, signal);
  },
  "zip, unpacked": async (file) => await unpack(file, "zip"),
  tgz: async (file) => await verifyTgz(file, () => {}, signal),
  "tgz, unpacked": async (file) => await unpack(file, "tgz"),
  package: async (file) => await openMigrationPackage(file, signal),
  list: async (file) => await drain(readEntryList(file)),
  metadata: (file) => readDocument(file, metadataSchema),
  places: (file) => readPlaces(dirname(file)),
  failures: (file) => readFailures(dirname(dirname(file)), "source_exports"),
  "manifest head": (file) => readManifestHead(dirname(file)),
  manifest: async (file) => await streamManifest(file, () => {}, signal),
  sums: (file) => readSums(dirname(file)),
  dump: async (file) => await drain(readDump(file, signal)),
  records: async (file) => await drain(readRecords(file, "records.json", signal)),
  "export rows": async (file) => await readExport(dirname(dirname(dirname(file)))),
  "export manifest": async (file) => await readExport(dirname(file)),
};

/** Numbers that a length should not be: negative ones of base 256, the greatest of 16, 32 and 64 bits, octal digits, text. */
const NUMBERS = [
  Buffer.alloc(12, 0xff),
  Buffer.concat([Buffer.from([0x80]), Buffer.alloc(11)]),
  Buffer.from("77777777777\0"),
  Buffer.from("ffff", "hex"),
  Buffer.from("ffffffff", "hex"),
  Buffer.from("ffffffffffffff7f", "hex"),
  Buffer.from("-1"),
  Buffer.from("1e308"),
  Buffer.from("[".repeat(20_000)),
  Buffer.from('{"a":'.repeat(5000)),
];

/** Bytes; longer texts than any document are in test/e2e/hostile/files.test.ts. */
const LONGEST_FILL = 1 << 20;

const change: fc.Arbitrary<Change> = fc.tuple(
  fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  fc.constantFrom("bytes", "bytes", "cut", "drop", "double", "fill", "number", "number"),
  fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 16 }), fc.constantFrom(...NUMBERS)),
  fc.constantFrom(...FIELDS),
);

function changed(data: Buffer, [place, what, value]: Change): Buffer {
  const at = Math.floor(place * data.length);
  const [before, after] = [data.subarray(0, at), data.subarray(at)];
  const some = value.length * 37;
  switch (what) {
    case "bytes":
      return Buffer.concat([before, value, after.subarray(value.length)]);
    case "cut":
      return before;
    case "drop":
      return Buffer.concat([before, after.subarray(some)]);
    case "double":
      return Buffer.concat([before, after.subarray(0, some), after]);
    case "fill":
      return Buffer.concat([before, Buffer.alloc(Math.min(some * 100, LONGEST_FILL), value), after]);
    case "number":
      return Buffer.concat([before, value, after]);
  }
}

/** Changes what a header says, and makes its checksum right again: the reader has to believe it. */
function withHeader(tar: Buffer, [place, , value, field]: Change): Buffer {
  const copy = Buffer.from(tar);
  const headers = [];
  for (let at = 0; at + BLOCK <= copy.length; at += BLOCK)
    if (copy.toString("latin1", at + 257, at + 262) === "ustar") headers.push(at);
  const header = headers[Math.floor(place * headers.length)];
  if (header === undefined) return copy;
  copy.set(value.subarray(0, Math.min(value.length, BLOCK - field)), header + field);
  const block = copy.subarray(header, header + BLOCK);
  block.set(Buffer.from(`${checksum(block).toString(8).padStart(6, "0")}\0 `), 148);
  return copy;
}

function mutated(original: Buffer, changes: readonly Change[], inside: boolean, isTar: boolean): Buffer {
  if (!inside) {
    let data = original;
    for (const one of changes) data = changed(data, one);
    return data;
  }
  let text: Buffer = gunzipSync(original);
  for (const one of changes) text = isTar && one[1] !== "cut" ? withHeader(text, one) : changed(text, one);
  return gzipSync(text);
}

const [reader = "", file = "", runs = "100", seed] = process.argv.slice(2);
const read = READERS[reader];
if (read === undefined) throw new Error(`no reader is called ${reader}`);
const original = readFileSync(file);
const isGzip = original[0] === 0x1f && original[1] === 0x8b;
// The reader may look at what lies around the file.
const depth =
  reader === "export rows" ? 3 : reader === "failures" ? 2 : ["export manifest", "places"].includes(reader) ? 1 : 0;
let [root, relative] = [file, ""];
for (let up = 0; up < depth; up++) [root, relative] = [dirname(root), join(basename(root), relative)];
const place = join(work, basename(root));
cpSync(root, place, { recursive: true });
const copy = join(place, relative);

try {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), fc.boolean(), async (changes, inside) => {
      writeFileSync(copy, mutated(original, changes, inside && isGzip, file.endsWith(".tgz")));
      try {
        await read(copy);
      } catch (error) {
        if (!(error instanceof HoldfastError) || error.code === "E_INTERNAL") throw error;
      }
    }),
    { numRuns: Number(runs), ...(seed === undefined ? {} : { seed: Number(seed) }) },
  );
} finally {
  removeTree(work);
}
