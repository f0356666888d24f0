/** The worker thread of a step: builds one archive or bundle at a time, synchronously. */
import { randomUUID } from "node:crypto";
import path from "node:path";
import { buildArchive } from "../archive/build/archive.ts";
import type { BytePath } from "../archive/entry.ts";
import { serveTasks } from "../archive/pool.ts";
import { addCounters, emptyCounters, work } from "../archive/counters.ts";
import { captureSqlite } from "../database/sqlite/capture.ts";
import type { FileIdentity } from "../database/sqlite/identity.ts";
import { SealedOutput } from "../store/seal/output.ts";
import { buildCompiledBundle, type CompiledRequest } from "./compiled/bundle.ts";
import type { ArchiveTask, WorkerHooks, WorkerResult, WorkerTask } from "./core/workers.ts";

type CompiledTask = WorkerTask<"compiled", Omit<CompiledRequest, WorkerHooks>>;

serveTasks<ArchiveTask | CompiledTask, WorkerResult>(async (task, { cancelled, onBytes }) => {
  const before = { ...work };
  const { copies, seal } = task;
  const hooks = {
    ...(seal === undefined ? {} : { openOutput: (file: string) => new SealedOutput(file, seal, copies) }),
    cancelled,
    onBytes,
    captureSqlite: async (file: BytePath, expected: FileIdentity): Promise<string> => {
      const copy = path.join(copies, `sqlite-${randomUUID()}.db`);
      await captureSqlite(file, copy, { expected });
      return copy;
    },
  };
  const built =
    task.kind === "compiled"
      ? await buildCompiledBundle({ ...task.request, ...hooks })
      : await buildArchive({ ...task.request, ...hooks });
  const done = emptyCounters();
  addCounters(done, work, before);
  return { built, work: done };
});
