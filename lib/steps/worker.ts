/** The worker thread's side: builds one archive or bundle at a time, synchronously. */
import { randomUUID } from "node:crypto";
import path from "node:path";
import { buildArchive, type BuildRequest, type BuildResult } from "../archive/build.ts";
import type { BytePath } from "../archive/entry.ts";
import { serveTasks } from "../archive/pool.ts";
import { addWork, noWork, work, type Work } from "../archive/work.ts";
import { captureSqlite } from "../database/sqlite-capture.ts";
import type { FileIdentity } from "../database/sqlite-identity.ts";
import { buildCompiledBundle, type CompiledRequest, type CompiledResult } from "./compiled/bundle.ts";

/** What the worker adds to a request by itself. */
type Hooks = "cancelled" | "onBytes" | "captureSqlite";

/** Tasks, as they cross the thread's border. `scratch` takes the copies of live SQLite files. */
export interface ArchiveTask {
  readonly kind: "archive";
  readonly scratch: string;
  readonly request: Omit<BuildRequest, Hooks>;
}

export interface CompiledTask {
  readonly kind: "compiled";
  readonly scratch: string;
  readonly request: Omit<CompiledRequest, Hooks>;
}

export type WorkerTask = ArchiveTask | CompiledTask;

/** What was built, and what that cost. */
export interface WorkerResult {
  readonly built: BuildResult | CompiledResult;
  readonly work: Work;
}

serveTasks<WorkerTask, WorkerResult>(async (task, { cancelled, onBytes }) => {
  const before = { ...work };
  const hooks = {
    cancelled,
    onBytes,
    captureSqlite: async (file: BytePath, expected: FileIdentity): Promise<string> => {
      const copy = path.join(task.scratch, `sqlite-${randomUUID()}.db`);
      await captureSqlite(file, copy, { expected });
      return copy;
    },
  };
  const built =
    task.kind === "compiled"
      ? await buildCompiledBundle({ ...task.request, ...hooks })
      : await buildArchive({ ...task.request, ...hooks });
  const done = noWork();
  addWork(done, work, before);
  return { built, work: done };
});
