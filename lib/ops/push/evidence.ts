/** The evidence of a store as a target gets it. */
import { existsSync } from "node:fs";
import path from "node:path";
import { listFiles } from "../../store/run/checksums.ts";
import { LEFTOVER } from "../../store/files/atomic.ts";
import { describeFile, type LocalFile } from "../../targets/core/local-run.ts";

/** Lists the files below `evidence/` of a store. */
export async function evidenceOf(store: string, signal: AbortSignal): Promise<LocalFile[]> {
  const directory = path.join(store, "evidence");
  if (!existsSync(directory)) return [];
  const files: LocalFile[] = [];
  for (const name of listFiles(directory))
    if (!LEFTOVER.test(path.basename(name))) files.push(await describeFile(directory, name, signal));
  return files;
}
