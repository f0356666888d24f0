/** The scripts as `npm run build` bundles them, made once for each state of the sources, by the first test file that asks. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
} from "node:fs";
import { join } from "node:path";
import { PROJECT } from "./run.ts";
import { filesOf } from "../files.ts";
import { removeTree } from "../temp.ts";

/** What commands read of the package. */
const READ = ["config/demo", "config/systemd"];

/** The built form of a script. */
export const builtScript = (name: string): string => join(buildDirectory(), "dist/scripts", `${name}.js`);

/** The commands as a function that in-process.ts calls. */
export const builtCommands = (): string => join(buildDirectory(), "dist/in-process.cjs");

let built: string | undefined;

function buildDirectory(): string {
  built ??= build();
  return built;
}

function build(): string {
  const cache = join(PROJECT, "node_modules/.cache");
  const target = join(cache, `holdfast-e2e-${sourcesDigest()}`);
  const lock = `${target}.lock`;
  mkdirSync(cache, { recursive: true });
  while (!existsSync(target)) {
    if (!take(lock)) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      continue;
    }
    try {
      const young = Date.now() - 3_600_000;
      for (const other of readdirSync(cache).filter((one) => one.startsWith("holdfast-e2e-")))
        if (lstatSync(join(cache, other)).mtimeMs < young) removeTree(join(cache, other));
      if (!existsSync(target)) bundle(mkdtempSync(join(cache, "holdfast-e2e-draft-")), target);
    } finally {
      removeTree(lock);
    }
  }
  return target;
}

/** Makes the directory; false where another file's process has it, and has had it for no longer than a build takes. */
function take(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    const made = lstatSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (made > 0 && made < Date.now() - 120_000) removeTree(lock);
    return false;
  }
}

/** The bundles alone: what runs reads nothing of the compiler's own output. */
function bundle(draft: string, target: string): void {
  copyFileSync(join(PROJECT, "package.json"), join(draft, "package.json"));
  for (const directory of READ) cpSync(join(PROJECT, directory), join(draft, directory), { recursive: true });
  for (const script of ["scripts/build.ts", "test/support/commands/bundle-in-process.ts"]) {
    const argv = ["--import", "tsx", script, join(draft, "dist")];
    const { status, stderr } = spawnSync(process.execPath, argv, { cwd: PROJECT, encoding: "utf8" });
    if (status === 0) continue;
    removeTree(draft);
    throw new Error(`${script} ended with ${status}: ${stderr}`);
  }
  chmodSync(draft, 0o755); // for tests as another user
  renameSync(draft, target);
}

function sourcesDigest(): string {
  const hash = createHash("sha256");
  const add = (file: string): void => void hash.update(`${file}\0`).update(readFileSync(join(PROJECT, file)));
  for (const directory of ["lib", "scripts", ...READ])
    for (const file of filesOf(join(PROJECT, directory))) add(`${directory}/${file}`);
  for (const file of ["package.json", "tsconfig.json", "tsconfig.build.json"]) add(file);
  add("test/support/commands/bundle-in-process.ts");
  return hash.digest("hex").slice(0, 16);
}
