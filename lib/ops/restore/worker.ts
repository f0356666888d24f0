/** The worker thread's side of a restore: unpacks one archive at a time. */
import { serveTasks } from "../../archive/pool.ts";
import { unpackArchive, type UnpackRequest, type UnpackResult } from "../../archive/unpack.ts";

serveTasks<Omit<UnpackRequest, "cancelled" | "onBytes">, UnpackResult>(
  async (request, { cancelled, onBytes }) => await unpackArchive({ ...request, cancelled, onBytes }),
);
