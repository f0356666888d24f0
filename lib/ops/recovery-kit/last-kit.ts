/** Remembers on this host when the last recovery kit of a site was made. */
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { systemCode } from "../../errors.ts";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { writeFileAtomic } from "../../store/files/atomic.ts";
import { formatJson } from "../../store/files/json-documents.ts";
import { stateDirectory } from "../../store/known-stores.ts";

const kitSchema = z.object({ format_version: z.string(), made_at: z.iso.datetime(), directory: z.string() });

const fileOf = (site: string): string => path.join(stateDirectory(), "recovery-kits", `${site}.json`);

/** Records a kit. Throws for a state directory that cannot be written. */
export async function recordKit(site: string, made: { readonly made_at: string; readonly directory: string }) {
  await mkdir(path.dirname(fileOf(site)), { recursive: true, mode: 0o700 });
  await writeFileAtomic(fileOf(site), formatJson({ format_version: FORMAT_VERSION, ...made }), { mode: 0o600 });
}

/** Returns when the last kit of a site was made; undefined if none was. Throws for a record that cannot be read. */
export async function lastKit(site: string): Promise<Date | undefined> {
  try {
    return new Date(kitSchema.parse(JSON.parse(await readFile(fileOf(site), "utf8"))).made_at);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
