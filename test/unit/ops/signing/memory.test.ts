/** What a host remembers of the signed runs of a store, outside of it. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { forgetRemoved, rememberedOf, rememberSigned, signedRuns } from "../../../../lib/ops/signing/memory.ts";
import { recordStore } from "../../../../lib/store/known-stores.ts";
import { makeStore } from "../../../support/runs/stores.ts";
import { tempDirectory } from "../../../support/temp.ts";

const runOf = (day: number): string => `202601${String(day).padStart(2, "0")}T020000Z`;
let top: string;
let store: { path: string; id: string; site: string };
beforeEach(() => {
  top = tempDirectory();
  store = { path: makeStore(path.join(top, "store")), id: "an-id", site: "test" };
  vi.stubEnv("XDG_STATE_HOME", path.join(top, "state"));
  vi.stubEnv("STATE_DIRECTORY", undefined);
  onTestFinished(() => void vi.unstubAllEnvs());
});

/** A run, of which only its name and its signature count here. */
function make(day: number, isSigned = true): string {
  const directory = path.join(store.path, "runs", runOf(day));
  mkdirSync(directory);
  if (isSigned) writeFileSync(path.join(directory, "SHA256SUMS.sig"), "");
  return runOf(day);
}
const remove = (day: number): void => rmSync(path.join(store.path, "runs", runOf(day)), { recursive: true });

test("of a store without signatures nothing is known, and nothing is missed", async () => {
  make(1, false);
  expect(await signedRuns(store)).toEqual({ since: undefined, isRemembered: false, unsigned: [], gone: undefined });
});

test("without a memory the store tells since when, and which later runs lack one", async () => {
  make(1, false);
  make(2);
  make(3, false);
  expect(await signedRuns(store)).toEqual({
    since: runOf(2),
    isRemembered: false,
    unsigned: [runOf(3)],
    gone: undefined,
  });
});

test("runs that were stripped all, the first among them, are missed by memory", async () => {
  make(1, false);
  for (const day of [2, 3]) await rememberSigned(store, make(day), `sums ${day}`);
  for (const day of [2, 3]) rmSync(path.join(store.path, "runs", runOf(day), "SHA256SUMS.sig"));
  expect(await signedRuns(store)).toMatchObject({
    since: runOf(2),
    isRemembered: true,
    unsigned: [runOf(2), runOf(3)],
  });
});

test("a host that first looks at a store in the middle knows the oldest signature", async () => {
  for (const day of [1, 2, 3]) make(day);
  await rememberSigned(store, runOf(2), "sums");
  expect(await rememberedOf(store)).toEqual({ since: runOf(1), newest: runOf(2), sums: { [runOf(2)]: "sums" } });
});

test("the newest run is missed until a command removes it, and older ones never are", async () => {
  for (const day of [1, 2, 3]) await rememberSigned(store, make(day), "sums");
  remove(1);
  expect((await signedRuns(store)).gone).toBeUndefined();
  remove(3);
  expect((await signedRuns(store)).gone).toBe(runOf(3));
  await rememberSigned(store, runOf(2), "sums"); // an older run that is looked at changes nothing
  expect((await signedRuns(store)).gone).toBe(runOf(3));
  await forgetRemoved(store, [runOf(1)]);
  expect((await signedRuns(store)).gone).toBe(runOf(3));
  await forgetRemoved(store, [runOf(3)]);
  expect(await signedRuns(store)).toMatchObject({ since: runOf(1), gone: undefined });
  remove(2);
  await forgetRemoved(store, [runOf(2)]);
  expect(await rememberedOf(store)).toMatchObject({ since: runOf(1), newest: null });
  await rememberSigned(store, make(4), "sums");
  expect(await rememberedOf(store)).toMatchObject({ since: runOf(1), newest: runOf(4) });
});

test("digests of the newest eight are kept, and what is known already is not written again", async () => {
  for (let day = 1; day <= 10; day++) await rememberSigned(store, make(day), `sums ${day}`);
  const file = path.join(top, "state/holdfast/stores.json");
  const before = readFileSync(file, "utf8");
  expect(Object.keys((await rememberedOf(store))?.sums ?? {})).toEqual([3, 4, 5, 6, 7, 8, 9, 10].map(runOf));
  writeFileSync(file, `${before}\n`);
  await rememberSigned(store, runOf(10), "sums 10");
  await rememberSigned(store, runOf(1), "sums 1");
  expect(readFileSync(file, "utf8")).toBe(`${before}\n`);
});

test("it is that of the store's id, and outlives what else is recorded of the path", async () => {
  await rememberSigned(store, make(1), "sums");
  await recordStore(store.path, store.id, store.site);
  expect((await rememberedOf(store))?.newest).toBe(runOf(1));
  expect(await rememberedOf({ ...store, id: "another" })).toBeUndefined();
  await recordStore(store.path, "another", store.site);
  expect(await rememberedOf(store)).toBeUndefined();
});
