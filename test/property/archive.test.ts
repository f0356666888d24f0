/** Any tree, through an archive and a tool that knows nothing of us, is the same tree; through our own reader as well. */
import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, lutimesSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { comparePaths, walk } from "../../lib/archive/tree/walk.ts";
import { unpackArchive } from "../../lib/archive/unpack/archive.ts";
import { verifyTgz } from "../../lib/archive/tar/tgz-reader.ts";
import { verifyZip } from "../../lib/archive/zip/reader.ts";
import { compareTrees } from "../support/compare.ts";
import { makeTemp, removeTree } from "../support/temp.ts";
import { build } from "../unit/archive/support.ts";

type Node = { mtime: number; mode: number } & (
  | { kind: "file"; content: Uint8Array; times: number }
  | { kind: "directory"; children: [Uint8Array, Node][] }
  | { kind: "symlink"; target: Uint8Array }
  | { kind: "link" }
);

/** Any bytes that may be in a name. */
const byte = fc.integer({ min: 1, max: 255 }).filter((value) => value !== 0x2f);
const name = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 60 }),
    fc.array(byte, { minLength: 1, maxLength: 255 }).map((bytes) => Uint8Array.from(bytes)),
    fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" }).map((text) => new TextEncoder().encode(text)),
  )
  .map((bytes) => bytes.map((value) => (value === 0 || value === 0x2f ? 0x78 : value)).slice(0, 255))
  .filter((bytes) => ![".", ".."].includes(Buffer.from(bytes).toString("latin1")));
const common = { mtime: fc.integer({ min: 0, max: 0x7fff_ffff }), mode: fc.integer({ min: 0, max: 0o7777 }) };

const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.record({
      kind: fc.constant("file" as const),
      content: fc.uint8Array({ maxLength: 3000 }),
      times: fc.constantFrom(1, 1, 1, 500),
      ...common,
    }),
    fc.record({ kind: fc.constant("symlink" as const), target: name, ...common }),
    fc.record({ kind: fc.constant("link" as const), ...common }),
    fc.record({
      kind: fc.constant("directory" as const),
      children: fc.array(fc.tuple(name, tie("node")), { maxLength: 6 }),
      ...common,
    }),
  ),
}));
const tree = fc.array(fc.tuple(name, node), { maxLength: 10 });

/** Plants a tree. Names that come twice are left out; a link is one to the file that was planted before it. */
function plant(
  directory: Buffer,
  children: readonly [Uint8Array, Node][],
  state: { last: Buffer | null } = { last: null },
): void {
  const seen = new Set<string>();
  for (const [bytes, one] of children) {
    const key = Buffer.from(bytes).toString("latin1");
    if (seen.has(key)) continue;
    seen.add(key);
    const path = Buffer.concat([directory, Buffer.from("/"), bytes]);
    if (one.kind === "directory") {
      mkdirSync(path);
      plant(path, one.children, state);
    } else if (one.kind === "symlink") symlinkSync(Buffer.from(one.target), path);
    else if (one.kind === "link" && state.last !== null) linkSync(state.last, path);
    else {
      writeFileSync(
        path,
        one.kind === "file" ? Buffer.concat(Array.from({ length: one.times }, () => one.content)) : "",
      );
      state.last = path;
    }
    if (one.kind !== "symlink" && one.kind !== "link") chmodSync(path, one.mode);
    lutimesSync(path, one.mtime, one.mtime);
  }
}

async function roundTrip(format: "zip" | "tgz", children: readonly [Uint8Array, Node][]): Promise<string[]> {
  const base = makeTemp();
  try {
    for (const directory of ["tree", "out", "own"]) mkdirSync(`${base}/${directory}`);
    plant(Buffer.from(`${base}/tree`), children);
    const paths = Array.from(walk(`${base}/tree`), (entry) => entry.path);
    expect(paths).toEqual(paths.toSorted(comparePaths));
    const archive = `${base}/archive.${format}`;
    const first = await build({ format, output: archive, tree: `${base}/tree` });
    const second = await build({ format, output: `${archive}.again`, tree: `${base}/tree` });
    expect(second.sha256).toBe(first.sha256);
    const verified = await (format === "zip" ? verifyZip(archive) : verifyTgz(archive));
    expect(verified.entries).toBe(first.entries);
    const own = await unpackArchive({
      archive,
      format,
      targets: [{ prefix: "", into: `${base}/own` }],
      owners: { users: {}, groups: {} },
      limits: { bytes: 1e9, entries: 1e6, depth: 100 },
      cancelled: () => false,
    });
    expect(own.contentDigest).toBe(first.input.content_digest);
    expect(compareTrees(`${base}/tree`, `${base}/own`, { without: format === "zip" ? ["links"] : [] })).toEqual([]);
    if (format === "zip") {
      // -^ keeps control characters, -K setuid and the like, -V what looks like a VMS version
      execFileSync("unzip", ["-q", "-^", "-K", "-V", "-X", archive, "-d", `${base}/out`], { stdio: "pipe" });
      const differences = compareTrees(`${base}/tree`, `${base}/out`, { without: ["links"] });
      return differences.filter((line) => !/: mtime |: hard links /.test(line)); // unzip takes no time of a link, and of times before 1980 that of DOS
    }
    execFileSync("tar", ["xpzf", archive, "-C", `${base}/out`], { stdio: "pipe" });
    return compareTrees(`${base}/tree`, `${base}/out`);
  } finally {
    removeTree(base);
  }
}

test.each(["zip", "tgz"] as const)("%s: any tree comes back as it was", async (format) => {
  await fc.assert(
    fc.asyncProperty(tree, async (children) => {
      expect(await roundTrip(format, children)).toEqual([]);
    }),
    { numRuns: 60 },
  );
});
