/**
 * Loads the commands of a built installation (scripts/build.ts): one file, and beside it the code that V8 made of it at
 * the build. The code is for one binary of Node. Any other compiles the file.
 */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";

/** Returns a module by its path in the sources. */
type Load = (module: string) => unknown;

/** The file's name, from the build. */
declare const COMMANDS: string;

const file = path.join(path.dirname(fileURLToPath(import.meta.url)), COMMANDS);
// V8 itself looks at its version and flags alone: Node 20.19 would crash on code of Node 20.20.
const { size, mtimeMs } = statSync(process.execPath);
const cache = `${file}.${process.version}-${process.arch}-${size}-${Math.trunc(mtimeMs)}.cache`;

/** The file is an expression: a function that takes `require` and the file's path. */
const script = new Script(readFileSync(file, "latin1"), { filename: file, cachedData: readCache() });

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- scripts/build.ts has written it
const main = script.runInThisContext() as (require: NodeJS.Require, file: string) => Load;

/** Returns the exports of a command's module, e.g. `lib/cli/backup/command.ts`. */
export const load: Load = main(createRequire(file), file);

/** Keeps what V8 has compiled so far. */
export function writeCache(): void {
  writeFileSync(cache, script.createCachedData());
}

function readCache(): Buffer | undefined {
  try {
    return readFileSync(cache);
  } catch {
    return undefined; // it was built by another Node, or is being built
  }
}
