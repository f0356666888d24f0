/** A store's lock that this process has held since a time of the past. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { writeDocument } from "../../../lib/store/files/json-documents.ts";
import { ownerOfThisProcess } from "../../../lib/store/lock/process-owner.ts";

/** Makes the lock; the returned function replaces its holder by one that is dead. */
export function holdLock(store: string, since: Date): () => void {
  const owner = { ...ownerOfThisProcess("backup_all", "a-token"), since: since.toISOString() };
  const write = (more: object): void => writeDocument(join(store, ".lock/owner.json"), { ...owner, ...more });
  write({});
  return () => {
    rmSync(join(store, ".lock"), { recursive: true });
    write({ started: "1" });
  };
}
