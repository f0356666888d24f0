/** The output that an archive is sealed by: what it stores, what it can take back, and how it fails. */
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { Unrewindable } from "../../../../lib/archive/output.ts";
import { SealedOutput } from "../../../../lib/store/seal/output.ts";
import type { Seal } from "../../../../lib/model/seal.ts";
import { sealDigest } from "../../../../lib/store/seal/names.ts";
import { openDatabase } from "../../../support/sqlite.ts";
import { ageIdentity, type Identity } from "../../../support/sealed/identities.ts";
import { suiteDirectory, tempDirectory } from "../../../support/temp.ts";
import { build } from "../../archive/support.ts";

const directory = suiteDirectory("holdfast-seal-");
let identity: Identity;
let seal: Seal;

beforeAll(() => {
  identity = ageIdentity(directory, "identity");
  seal = { program: "age", recipients: [identity.recipient], names: false };
});

const opened = (file: string): Buffer => execFileSync("age", ["-d", "-i", identity.file, file], { maxBuffer: 1 << 28 });
const sha256 = (data: Buffer): string => execFileSync("sha256sum", { input: data, encoding: "utf8" }).slice(0, 64);

const MEGABYTE = 1024 * 1024;

/** Writes pieces; of each `{ undo }`, the pieces after the mark are taken back. */
async function written(pieces: readonly (Buffer | { readonly undo: Buffer })[]): Promise<[string, Buffer]> {
  const base = tempDirectory();
  const output = new SealedOutput(join(base, "out"), seal, base);
  const kept: Buffer[] = [];
  for (const piece of pieces) {
    if (Buffer.isBuffer(piece)) {
      output.write(piece);
      kept.push(piece);
      continue;
    }
    const mark = output.mark();
    output.write(piece.undo);
    output.rewind(mark);
    output.settle();
  }
  const result = await output.finish();
  const content = Buffer.concat(kept);
  expect(result.plain).toEqual({ size: content.length, sha256: sha256(content) });
  expect(result.sha256).toBe(sha256(readFileSync(output.path)));
  expect(readdirSync(base)).toEqual(["out.age"]);
  return [output.path, content];
}

describe("what is written", () => {
  test("any pieces come out as one stream, without what was taken back", async () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 70_000 }).map((bytes) => Buffer.from(bytes)),
      fc.nat(3 * MEGABYTE).map((size) => Buffer.alloc(size, size)),
    );
    const step = fc.oneof(
      piece,
      piece.map((undo) => ({ undo })),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const [file, content] = await written(steps);
        expect(opened(file).equals(content)).toBe(true);
      }),
      { numRuns: 5 },
    );
  });

  test("more than sixteen megabytes after a mark cannot be taken back", () => {
    const base = tempDirectory();
    const output = new SealedOutput(join(base, "out"), seal, base);
    const mark = output.mark();
    for (let count = 0; count < 17; count++) output.write(Buffer.alloc(MEGABYTE));
    expect(() => output.rewind(mark)).toThrow(Unrewindable);
    output.discard();
    expect(readdirSync(base)).toEqual([]);
  });
});

describe("an archive whose large file changes while it is read", () => {
  const grown = async (format: "zip" | "tgz", prepare: (file: string) => void, onBytes: (file: string) => void) => {
    const base = tempDirectory();
    const tree = join(base, "tree");
    mkdirSync(tree);
    const file = join(tree, "large.bin");
    prepare(file);
    writeFileSync(join(tree, "small.txt"), "small\n");
    const result = await build({
      format,
      output: join(base, `out.${format}`),
      tree,
      openOutput: (path) => new SealedOutput(path, seal, base),
      captureSqlite: async () => {
        const copy = join(base, "copy");
        execFileSync("cp", [file, copy]);
        return copy;
      },
      onBytes: () => onBytes(file),
    });
    return { result, content: opened(join(base, `out.${format}.age`)), base };
  };

  test.each(["zip", "tgz"] as const)("is begun again, and the file taken as it was read (%s)", async (format) => {
    const { result, content, base } = await grown(
      format,
      (file) => writeFileSync(file, Buffer.alloc(20 * MEGABYTE, 7)),
      (file) => appendFileSync(file, "x"),
    );
    expect(result.failures).toEqual([]);
    expect(result.warnings).toEqual([expect.stringMatching(/changed while it was read: .*large\.bin/)]);
    expect(result.plain?.sha256).toBe(sha256(content));
    const file = join(base, `plain.${format}`);
    writeFileSync(file, content);
    const listed =
      format === "zip"
        ? execFileSync("unzip", ["-p", file, "large.bin"], { maxBuffer: 1 << 28 })
        : execFileSync("tar", ["-xzOf", file, "large.bin"], { maxBuffer: 1 << 28 });
    expect(listed.length).toBeGreaterThanOrEqual(20 * MEGABYTE);
    expect(listed.subarray(0, 20 * MEGABYTE).every((byte) => byte === 7)).toBe(true);
  });

  test("is begun again, and a database in use is captured", async () => {
    const { result } = await grown(
      "zip",
      (file) => {
        const database = openDatabase(file);
        database.exec("create table t(x); insert into t values (randomblob(20000000))");
        database.close();
      },
      (file) => execFileSync("touch", [file]),
    );
    expect(result.captured).toEqual(["large.bin"]);
    expect(result.failures).toEqual([]);
  });
});

describe("a program that fails", () => {
  test("says why, and leaves nothing", async () => {
    const base = tempDirectory();
    const tree = join(base, "tree");
    mkdirSync(tree);
    writeFileSync(join(tree, "large.png"), Buffer.alloc(5 * MEGABYTE, 1));
    const bad: Seal = { program: "age", recipients: [`age1${"q".repeat(58)}`], names: false };
    const output = join(base, "out.zip");
    const openOutput = (path: string): SealedOutput => new SealedOutput(path, bad, base);
    await expect(build({ format: "zip", output, tree, openOutput })).rejects.toMatchObject({
      code: "E_SEAL",
      message: expect.stringMatching(/malformed recipient/),
    });
    expect(existsSync(`${output}.age`)).toBe(false);
    expect(readdirSync(base)).toEqual(["tree"]);
  });
});

describe("sealDigest", () => {
  test("is the same in any order and with any comment of an SSH key, and another for others", () => {
    const of = (...recipients: string[]): string => sealDigest({ program: "age", recipients, names: false });
    expect(of("a", "b")).toBe(of("b", "a"));
    expect(of("ssh-ed25519 AAAA anna@host")).toBe(of("ssh-ed25519 AAAA"));
    expect(of("a")).not.toBe(of("a", "b"));
    expect(sealDigest({ program: "gpg", recipients: ["a"], names: false })).not.toBe(of("a"));
  });
});
