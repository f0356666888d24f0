/** Unpacks the demo site: what projects, media, texts and databases are on a real host, in a few megabytes. */
import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { extract } from "tar";
import { HoldfastError } from "../../errors.ts";
import { PACKAGE_ROOT } from "../../exec/build-output.ts";

export interface DemoSite {
  readonly root: string;
  /** The config file that describes the site. */
  readonly config: string;
}

/** Writes the site into a new directory: `clara/` and `site.yaml`. Throws `E_USAGE` if the directory is not empty. */
export async function makeDemoSite(directory: string): Promise<DemoSite> {
  mkdirSync(directory, { recursive: true });
  if (readdirSync(directory).length > 0)
    throw new HoldfastError("E_USAGE", `${directory} is not empty`, { hint: "name a new directory for the demo site" });
  const packed = path.join(PACKAGE_ROOT, "config/demo");
  await extract({ file: path.join(packed, "site.tgz"), cwd: directory, preserveOwner: false, strict: true });
  const config = path.join(directory, "site.yaml");
  copyFileSync(path.join(packed, "site.yaml"), config);
  return { root: path.join(directory, "clara"), config };
}
