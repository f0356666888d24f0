import { execFileSync } from "node:child_process";
import { existsSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { WorkerPool } from "../../../lib/archive/pool.ts";
import { PROJECT, startProgram } from "../../support/commands/run.ts";
import { tempDirectory } from "../../support/temp.ts";
import type { Order } from "./pool-worker.ts";

function pool(size = 2) {
  const abort = new AbortController();
  const workers = new WorkerPool<Order, string>(new URL("./pool-worker.ts", import.meta.url), size, abort.signal);
  onTestFinished(() => workers.close());
  return { workers, abort };
}

const appears = async (path: string): Promise<void> => {
  while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 10));
};

test("more tasks than workers: each gets its own answer", async () => {
  const { workers } = pool();
  const values = Array.from({ length: 20 }, (_, index) => `task ${index}`);
  expect(await Promise.all(values.map((value) => workers.run({ do: "echo", value })))).toEqual(values);
});

test("an error of a thread keeps its code, its hint and its stack", async () => {
  const { workers } = pool(1);
  const error: unknown = await workers.run({ do: "fail" }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: "E_UNREADABLE",
    message: "no right to read it",
    hint: "ask for it",
    exitCode: 3,
  });
  expect(error).toHaveProperty("cause.stack", expect.stringContaining("pool-worker.ts"));
  await expect(workers.run({ do: "throw" })).rejects.toMatchObject({ code: "E_INTERNAL", message: "a mistake" });
});

test.each(["exit", "crash"] as const)(
  "a worker that dies (%s) fails its task only, and another takes its place",
  async (how) => {
    const { workers } = pool(1);
    const doomed = workers.run({ do: how });
    const next = workers.run({ do: "echo", value: "still here" });
    await expect(doomed).rejects.toMatchObject({
      code: "E_INTERNAL",
      message: expect.stringContaining("worker thread died") as unknown,
    });
    expect(await next).toBe("still here");
  },
);

test("progress arrives in batches and in full before the result", async () => {
  const { workers } = pool(1);
  const told: number[] = [];
  expect(await workers.run({ do: "count" }, (bytes) => told.push(bytes))).toBe("counted");
  expect(told.reduce((sum, bytes) => sum + bytes, 0)).toBe(1_000_000);
  expect(told.length).toBeLessThan(100);
});

test("an abort reaches a busy thread and ends the tasks that wait", async () => {
  const { workers, abort } = pool(1);
  const started = `${tempDirectory()}/started`;
  const busy = workers.run({ do: "wait", value: started });
  const waiting = workers.run({ do: "echo" });
  const outcome = Promise.allSettled([busy, waiting]);
  await appears(started);
  abort.abort();
  expect(await outcome).toMatchObject([
    { status: "rejected", reason: { code: "E_INTERRUPTED", message: "seen" } },
    { status: "rejected", reason: { code: "E_INTERRUPTED" } },
  ]);
  await expect(workers.run({ do: "echo" })).rejects.toMatchObject({ code: "E_INTERRUPTED" });
});

test("a thread that does not look is ended after a while", async () => {
  const { workers, abort } = pool(1);
  const started = `${tempDirectory()}/started`;
  const stubborn = workers.run({ do: "stubborn", value: started });
  const outcome = expect(stubborn).rejects.toMatchObject({ code: "E_INTERRUPTED" });
  await appears(started);
  abort.abort();
  await outcome;
});

test("closing ends a busy worker at once", async () => {
  const { workers } = pool(1);
  const started = `${tempDirectory()}/started`;
  const outcome = expect(workers.run({ do: "stubborn", value: started })).rejects.toMatchObject({
    code: "E_INTERRUPTED",
  });
  await appears(started);
  await workers.close();
  await outcome;
});

test("works in a process that tsx started, and compiled", async () => {
  const main = fileURLToPath(new URL("./pool-main.ts", import.meta.url));
  const source = startProgram([process.execPath, "--import", import.meta.resolve("tsx"), main]);
  expect(await source.done).toMatchObject({ code: 0, stdout: "from a worker\n", stderr: "" });

  const out = tempDirectory();
  const files = [
    "lib/archive/pool.ts",
    "lib/errors.ts",
    "test/unit/archive/pool-main.ts",
    "test/unit/archive/pool-worker.ts",
  ];
  const flags = [
    "--outDir",
    out,
    "--rootDir",
    PROJECT,
    "--module",
    "nodenext",
    "--target",
    "es2023",
    "--rewriteRelativeImportExtensions",
  ];
  symlinkSync(`${PROJECT}package.json`, `${out}/package.json`);
  symlinkSync(`${PROJECT}node_modules`, `${out}/node_modules`);
  execFileSync("node_modules/.bin/tsc", ["--ignoreConfig", ...flags, "--types", "node", "--skipLibCheck", ...files], {
    cwd: PROJECT,
  });
  const compiled = startProgram([process.execPath, `${out}/test/unit/archive/pool-main.js`]);
  expect(await compiled.done).toMatchObject({ code: 0, stdout: "from a worker\n", stderr: "" });
});
