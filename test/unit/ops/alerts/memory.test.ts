/** What is remembered of alerts, over time. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openMemory, type SentKey } from "../../../../lib/ops/alerts/memory.ts";
import { tempDirectory } from "../../../support/temp.ts";

const HOUR_MS = 3_600_000;
const key: SentKey = { route: "chat", event: "failure", cause: "a", subject: "backup" };
const state = process.env.XDG_STATE_HOME;

beforeEach(() => {
  process.env.XDG_STATE_HOME = tempDirectory();
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 10, 20) });
});
afterEach(() => {
  vi.useRealTimers();
  process.env.XDG_STATE_HOME = state;
});

const pass = (ms: number): void => void vi.setSystemTime(Date.now() + ms);

test("one that was delivered is sent again after a day", async () => {
  const memory = openMemory("test");
  expect(await memory.claim([key], [])).toEqual([key]);
  await memory.conclude([key], [key]);
  for (const hours of [0, 23.9]) {
    pass(hours * HOUR_MS);
    expect(await memory.claim([key], [])).toEqual([]);
  }
  pass(0.2 * HOUR_MS);
  expect(await memory.claim([key], [])).toEqual([key]);
});

test("one whose process died while it sent it is sent by another a minute later", async () => {
  expect(await openMemory("test").claim([key], [])).toEqual([key]);
  pass(59_000);
  expect(await openMemory("test").claim([key], [])).toEqual([]);
  pass(2_000);
  expect(await openMemory("test").claim([key], [])).toEqual([key]);
});

test("one that was refused is sent the next time; another route, event, cause or site is another alert", async () => {
  const memory = openMemory("test");
  await memory.claim([key], []);
  await memory.conclude([key], []);
  expect(await memory.claim([key], [])).toEqual([key]);
  const others = [
    { ...key, route: "mail" },
    { ...key, event: "missed" },
    { ...key, cause: "b" },
  ];
  expect(await memory.claim([key, ...others], [])).toEqual(others);
  expect(await openMemory("other").claim([key], [])).toEqual([key]);
});

test("what is settled was failing since its first failure, and its alerts are forgotten", async () => {
  const memory = openMemory("test");
  const drill: SentKey = { ...key, cause: "c", subject: "drill" };
  await memory.claim([key, drill], ["backup", "drill"]);
  await memory.conclude([key, drill], [key, drill]);
  pass(HOUR_MS);
  await memory.claim([], ["backup"]);
  expect(await memory.settle(["backup", "missed"])).toEqual([{ subject: "backup", since: "2026-11-20T00:00:00.000Z" }]);
  expect(await memory.settle(["backup", "missed"])).toEqual([]);
  expect(await memory.claim([key, drill], [])).toEqual([key]);
});

test("of many at once exactly one claims it", async () => {
  const claims = await Promise.all(Array.from({ length: 8 }, () => openMemory("test").claim([key], [])));
  expect(claims.flat()).toEqual([key]);
});
