/** The worker thread of a restore: unpacks one archive at a time. */
import { serveTasks } from "../../../archive/pool.ts";
import { unpackArchive } from "../../../archive/unpack/archive.ts";
import type { UnpackRequest, UnpackResult } from "../../../archive/unpack/request.ts";

serveTasks<Omit<UnpackRequest, "cancelled" | "onBytes">, UnpackResult>(
  async (request, { cancelled, onBytes }) => await unpackArchive({ ...request, cancelled, onBytes }),
);
