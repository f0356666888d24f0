/**
 * Finds the fastest form of a script or worker. tsx costs about half a second of CPU time in every process and thread,
 * the bundles of `npm run build` (scripts/build.ts) a tenth of it. A build is used if no source is newer.
 */
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const own = fileURLToPath(import.meta.url);
const built = own.lastIndexOf(`${path.sep}dist${path.sep}`);

/** The directory of the package; build output lies below its `dist`. */
export const PACKAGE_ROOT = built === -1 ? path.resolve(path.dirname(own), "../..") : own.slice(0, built);

let fresh: boolean | undefined;

/** Returns the file that runs a module, e.g. `scripts/backup_db` or `lib/steps/worker`: compiled, or a newer source. */
export function resolveModule(module: string): string {
  const compiled = path.join(PACKAGE_ROOT, "dist", `${module}.js`);
  if (built !== -1) return compiled;
  fresh ??= isFresh();
  return fresh ? compiled : path.join(PACKAGE_ROOT, `${module}.ts`);
}

function isFresh(): boolean {
  try {
    // The compiler writes every file at each build, so that any of them has the time of the build.
    const at = statSync(path.join(PACKAGE_ROOT, "dist/lib/version.js")).mtimeMs;
    return ["lib", "scripts"].every((directory) => newest(path.join(PACKAGE_ROOT, directory)) <= at);
  } catch {
    return false; // nothing has been built
  }
}

function newest(directory: string): number {
  const files = readdirSync(directory, { withFileTypes: true, recursive: true }).filter((entry) =>
    entry.name.endsWith(".ts"),
  );
  return Math.max(...files.map((entry) => statSync(path.join(entry.parentPath, entry.name)).mtimeMs));
}
