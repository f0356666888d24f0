import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { privateDirectory } from "../../../../lib/database/access/private-directory.ts";
import { tempDirectory } from "../../../support/temp.ts";

test("only its owner may enter it, and it is removed on request or when the signal aborts", () => {
  const parent = tempDirectory();
  const abort = new AbortController();
  const [first, second] = [privateDirectory(abort.signal, parent), privateDirectory(abort.signal, parent)];
  expect(statSync(first.path).mode & 0o777).toBe(0o700);
  writeFileSync(join(first.path, "pgpass"), "secret");
  first.remove();
  expect(existsSync(first.path)).toBe(false);
  expect(existsSync(second.path)).toBe(true);
  abort.abort();
  expect(existsSync(second.path)).toBe(false);
  expect(() => privateDirectory(abort.signal, parent)).toThrow();
});

test("what a killed process left is removed; what belongs to a living one, another container or another user stays", () => {
  const parent = tempDirectory();
  const own = privateDirectory(undefined, parent);
  const [, namespace, pid] = basename(own.path).split("-");
  expect(pid).toBe(String(process.pid));
  const { pid: dead } = spawnSync("true");
  const names = [
    `holdfast-${namespace}-${dead}-abc123`,
    `holdfast-1${namespace}-${dead}-abc123`,
    `holdfast-test-${dead}-abc`,
    "other",
  ];
  for (const name of names) mkdirSync(join(parent, name));
  const next = privateDirectory(undefined, parent);
  expect(names.map((name) => existsSync(join(parent, name)))).toEqual([false, true, true, true]);
  expect(existsSync(own.path)).toBe(true);
  own.remove();
  next.remove();
});
