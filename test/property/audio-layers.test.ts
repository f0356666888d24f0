import { mkdirSync, mkdtempSync, rmSync, writeFileSync, utimesSync, existsSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { EntryListWriter, entryId, readEntryList } from "../../lib/archive/entry-list.ts";
import { fromString, join } from "../../lib/archive/path.ts";
import { lstatEntry, walk } from "../../lib/archive/tree/walk.ts";
import type { Layer } from "../../lib/steps/layers/choose-rewrites.ts";
import { layOutShards } from "../../lib/steps/layers/layout.ts";

const SHARD_BYTES = 100;
const temporary: string[] = [];
afterEach(() => {
  for (const directory of temporary.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A change to the cache: a file written, a path removed, or a directory made where there may have been a file. */
const change = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      at: fc.nat(12),
      size: fc.integer({ min: 1, max: 60 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), at: fc.nat(12), size: fc.constant(0) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("directory" as const), at: fc.nat(12), size: fc.constant(0) }),
  },
);
const NAMES = ["0", "a", "a/b", "a-b", "b", "c/d/e", "c/d/f", "c/g", "z z", "é", "x/1", "x/2", "x/3"];

/** A directory in one shard and its file in the next; then a file takes the directory's place. */
const SPLIT_DIRECTORY = [
  [
    { kind: "write" as const, at: 0, size: 90 },
    { kind: "write" as const, at: 2, size: 20 },
    { kind: "write" as const, at: 4, size: 70 },
  ],
  [{ kind: "write" as const, at: 1, size: 1 }],
];

function apply(root: string, { kind, at, size }: { kind: string; at: number; size: number }, clock: number): void {
  const file = path.join(root, NAMES[at] ?? "a");
  if (kind === "remove") {
    if (existsSync(file)) rmSync(file, { recursive: true });
    return;
  }
  for (let parent = path.dirname(file); parent !== root; parent = path.dirname(parent)) {
    if (existsSync(parent) && !statSync(parent).isDirectory()) rmSync(parent);
  }
  mkdirSync(path.dirname(file), { recursive: true });
  rmSync(file, { recursive: true, force: true });
  if (kind === "directory") mkdirSync(file);
  else writeFileSync(file, "x".repeat(size));
  utimesSync(file, clock, clock);
}

test("however a cache changes, unpacking its shards in order and removing the dead gives the cache as it is", () => {
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 6 }), { minLength: 1, maxLength: 6 }), (rounds) => {
      const base = mkdtempSync(path.join(tmpdir(), "holdfast-layers-"));
      temporary.push(base);
      const root = path.join(base, "cache");
      mkdirSync(root);
      let layers: Layer[] = [];
      let highest = 0;
      const given = new Set<number>();
      for (const [round, changes] of rounds.entries()) {
        for (const one of changes) apply(root, one, 1_000_000 + round);
        const layout = layOutShards({
          root: fromString(root),
          exclude: [],
          layers,
          highest,
          shardBytes: SHARD_BYTES,
          lists: path.join(base, "layers"),
        });
        expect(layout.failures).toEqual([]);
        const kept = new Map(layers.map((layer) => [layer.number, layer]));
        layers = layout.shards.map((shard): Layer => {
          if (!shard.isNew) return kept.get(shard.number) ?? expect.fail("a shard is kept that was not there");
          expect(given.has(shard.number), "a number is used twice").toBe(false);
          given.add(shard.number);
          const list = path.join(base, `${round}-${shard.number}.jsonl`);
          const writer = new EntryListWriter(list, Date.now() + 60_000_000_000_000); // nothing counts as too fresh
          for (const { path: name } of readEntryList(shard.list)) {
            const entry = lstatEntry(join(fromString(root), name), name);
            writer.add(entry, entry.size, null);
          }
          writer.close();
          return { number: shard.number, list };
        });
        highest = Math.max(highest, ...layers.map((layer) => layer.number));
        expect(unpacked(layers, layout.dead)).toEqual(asItIs(root));
      }
    }),
    { numRuns: 150, examples: [[SPLIT_DIRECTORY]] },
  );
});

/** What unpacking gives: path → state, the later layer winning, the dead removed with what is below them. */
function unpacked(layers: readonly Layer[], dead: readonly string[]): Map<string, string | null> {
  const state = new Map<string, string | null>();
  const directories = new Set<string>();
  for (const layer of layers.toSorted((a, b) => a.number - b.number)) {
    for (const entry of readEntryList(layer.list)) {
      for (let parent = path.dirname(entry.path); parent !== "."; parent = path.dirname(parent))
        directories.add(parent);
      if (entry.type === "directory") directories.add(entry.path);
      else expect(directories.has(entry.path), "a file would be unpacked over a directory").toBe(false);
      for (const known of state.keys()) {
        const isInside = entry.path.startsWith(`${known}/`) && !directories.has(known);
        expect(isInside, "something would be unpacked into a file").toBe(false);
      }
      state.set(entry.path, entry.id);
    }
  }
  for (const name of dead)
    for (const known of state.keys()) if (known === name || known.startsWith(`${name}/`)) state.delete(known);
  return new Map([...state].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function asItIs(root: string): Map<string, string | null> {
  const entries = [...walk(fromString(root))].map((entry): [string, string] => [entry.path, entryId(entry)]);
  return new Map(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
