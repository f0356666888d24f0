/** The paths that the site's units have now, whether or not the restored run records them. */
import { existsSync } from "node:fs";
import path from "node:path";
import type { BytePath } from "../../../archive/entry.ts";
import { projectListSchema } from "../../../model/run.ts";
import { Claims } from "../../../steps/claims/site.ts";
import { PROJECTS_FILE } from "../../../steps/core/projects.ts";
import { readDocument } from "../../../store/files/json-documents.ts";
import type { RestoreTarget } from "./paths/target.ts";

/** Lists the paths of the config's units on the site, and the run's projects; empty for a restore to a directory. */
export async function ownedNow(target: RestoreTarget, store: string, run: string): Promise<BytePath[]> {
  if (target.kind === "directory") return [];
  const file = path.join(run, PROJECTS_FILE);
  const list = async () => (existsSync(file) ? readDocument(file, projectListSchema) : { projects: [] });
  return await new Claims(target.config, store, { list }).owned();
}
