/** The worker thread of a verification: reads one file at a time. */
import { serveTasks } from "../../archive/pool.ts";
import { HoldfastError } from "../../errors.ts";
import {
  readArchive,
  readDigest,
  type ArchiveResult,
  type ArchiveTask,
  type DigestResult,
  type DigestTask,
} from "./read-artifact.ts";

/** Interval at which a reading checks for an abort. */
const LOOK_MS = 100;

serveTasks<DigestTask | ArchiveTask, DigestResult | ArchiveResult>(async (task, { cancelled }) => {
  const abort = new AbortController();
  const look = setInterval(() => {
    if (cancelled()) abort.abort(new HoldfastError("E_INTERRUPTED", "interrupted"));
  }, LOOK_MS);
  try {
    return task.kind === "digest" ? await readDigest(task, abort.signal) : await readArchive(task, abort.signal);
  } finally {
    clearInterval(look);
  }
});
