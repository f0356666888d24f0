/** The directory in which the documents of a store on a target are kept between commands. */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import type { TargetSettings } from "../../config/settings/targets/target.ts";

/**
 * Creates `$XDG_CACHE_HOME/holdfast/<target>-<digest>`, of systemd `$CACHE_DIRECTORY`, of mode 0700. The digest of the
 * settings tells apart what a name of a target has stood for.
 */
export function cacheDirectory(target: string, settings: TargetSettings): string {
  const { CACHE_DIRECTORY: given, XDG_CACHE_HOME: home } = process.env;
  const base = given ?? path.join(home ?? path.join(homedir(), ".cache"), "holdfast");
  const digest = createHash("sha256").update(JSON.stringify(settings)).digest("hex").slice(0, 16);
  const directory = path.join(base, `${target}-${digest}`);
  for (const name of ["runs", ".tmp", "pins"]) mkdirSync(path.join(directory, name), { recursive: true, mode: 0o700 });
  return directory;
}
