/** The rules of the source tree that no linter checks: rings of folders, their sizes, names of files. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { PROJECT } from "../support/commands/run.ts";

const MAX_FILES = 15;

const filesBelow = (folder: string): string[] =>
  readdirSync(join(PROJECT, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(folder, file));

const files = filesBelow("lib");
const folders = [...new Set(files.map((file) => dirname(file)))];

/** The files that each file imports, types included. */
const imports = new Map(
  files.map((file) => {
    const text = readFileSync(join(PROJECT, file), "utf8");
    const found = [...text.matchAll(/\b(?:from|import)\b\s*\(?\s*"(\.[^"]+)"/g)];
    return [file, found.map(([, target = ""]) => normalize(join(dirname(file), target)))] as const;
  }),
);

test("no files import each other in a ring, types included", () => {
  expect(ringsOf(imports)).toEqual([]);
});

test("no folders import each other in a ring", () => {
  const graph = new Map(folders.map((folder) => [folder, new Set<string>()]));
  // The entry of the package stands beside lib/errors.ts, and nothing imports it.
  for (const [file, targets] of [...imports].filter(([one]) => one !== "lib/index.ts"))
    for (const target of targets) if (dirname(target) !== dirname(file)) graph.get(dirname(file))?.add(dirname(target));
  expect(ringsOf(graph)).toEqual([]);
});

test("a backup loads nothing of targets when it starts", () => {
  const loaded = new Set(["lib/cli/run.ts", "lib/cli/backup/command.ts", "lib/cli/backup/step-process.ts"]);
  for (const file of loaded) {
    const text = readFileSync(join(PROJECT, file), "utf8");
    // Types are gone at run time, and what is imported within a function is loaded when that is called.
    for (const [, target = ""] of text.matchAll(/^(?:import|export) (?!type\b)[^;]*?from "(\.[^"]+)"/gm))
      loaded.add(normalize(join(dirname(file), target)));
  }
  expect(loaded.size).toBeGreaterThan(100);
  expect([...loaded].filter((file) => /^lib\/(?:targets|ops\/push)\//.test(file))).toEqual([]);
});

test(`no folder holds more than ${MAX_FILES} files`, () => {
  const sizes = new Map<string, number>();
  for (const file of [...files, ...filesBelow("test")]) sizes.set(dirname(file), (sizes.get(dirname(file)) ?? 0) + 1);
  expect([...sizes].filter(([, size]) => size > MAX_FILES)).toEqual([]);
});

test("no file repeats the name of its folder, and no prefix stands three times in one", () => {
  const stems = files.map((file) => ({ folder: dirname(file), stem: basename(file, ".ts") }));
  const repeated = stems.filter(({ folder, stem }) => stem.split("-")[0] === basename(folder));
  const prefixed = stems.filter(
    ({ folder, stem }) =>
      stems.filter((other) => other.folder === folder && other.stem.split("-")[0] === stem.split("-")[0]).length >= 3,
  );
  expect(repeated).toEqual([]);
  expect(prefixed).toEqual([]);
});

/** Folders in which what differs by engine belongs; `init` reads the words of other applications. */
const ENGINE_FOLDERS =
  /^lib\/(?:database\/(?:postgres|mysql|sqlite|engines)|portable\/engines|sqlite|ops\/init\/(?:applications|sources))\//;
const ENGINES = "(?:postgresql|postgres|mysql|mariadb|sqlite)";

test("the name of a database engine is compared in the engines' own folders only", () => {
  const comparison = new RegExp(`[!=]==? *"${ENGINES}"|"${ENGINES}" *[!=]==?|\\bcase "${ENGINES}"`);
  const found = files
    .filter((file) => !ENGINE_FOLDERS.test(file))
    .flatMap((file) => {
      const lines = readFileSync(join(PROJECT, file), "utf8").split("\n");
      return lines.flatMap((line, at) => (comparison.test(line) ? [`${file}:${at + 1}: ${line.trim()}`] : []));
    });
  expect(found).toEqual([]);
});

/** The strongly connected components of a graph with more than one member (Tarjan), each sorted. */
function ringsOf(graph: ReadonlyMap<string, Iterable<string>>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const rings: string[][] = [];
  const visit = (node: string): void => {
    index.set(node, index.size);
    low.set(node, index.size - 1);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(node, Math.min(low.get(node) ?? 0, low.get(next) ?? 0));
    }
    if (low.get(node) !== index.get(node)) return;
    const ring = stack.splice(stack.indexOf(node));
    if (ring.length > 1) rings.push(ring.toSorted());
  };
  for (const node of graph.keys()) if (!index.has(node)) visit(node);
  return rings;
}
