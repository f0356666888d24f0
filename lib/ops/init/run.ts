/** Runs `init`: inspects an installation, writes a config for it, and tests the config. */
import { mkdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { loadConfig } from "../../config/load.ts";
import { asHoldfastError, HoldfastError, systemCode } from "../../errors.ts";
import { databases } from "../../steps/db/databases.ts";
import { openDatabase } from "../../steps/core/projects.ts";
import { backup } from "../backup/run.ts";
import type { BackupOptions, BackupOutcome } from "../backup/request.ts";
import { detectApplication } from "./registry.ts";
import { configText, type Installation } from "./config-text.ts";
import { referencesOf } from "./foreign-keys.ts";
import { isDirectory } from "./sources/files.ts";
import { proveDatabase } from "./proven-password.ts";
import { findServices } from "./services.ts";

export interface InitRequest {
  readonly directory: string;
  /** Path of the new config. */
  readonly file: string;
  readonly dest?: string | undefined;
  readonly site?: string | undefined;
}

export interface InitOutcome extends Installation {
  readonly file: string;
  /** The dry run of a backup with the new config. */
  readonly outcome: BackupOutcome;
  /** Databases that could not be opened, with the reason. */
  readonly unreachable: readonly { readonly unit: string; readonly error: HoldfastError }[];
}

/**
 * Writes a config for an installation and tests it by a dry run and by opening each database. Nothing
 * of the site is executed. Throws `E_CONFIG`, with nothing written, if the file exists or no config can be made.
 */
export async function init(request: InitRequest, options: BackupOptions): Promise<InitOutcome> {
  const { signal } = options;
  const installation = await inspect(request, signal);
  const file = path.resolve(request.file);
  const config = writeConfig(file, configText(installation));
  const outcome = await backup({ ...DRY_RUN, config: file }, options);
  const unreachable: InitOutcome["unreachable"][number][] = [];
  for (const { unit, settings } of databases(config)) {
    try {
      await (await openDatabase(config, settings, signal)).close();
    } catch (error) {
      signal.throwIfAborted();
      unreachable.push({ unit, error: asHoldfastError(error) });
    }
  }
  return { ...installation, file, outcome, unreachable };
}

const DRY_RUN = {
  steps: [],
  only: [],
  skip: [],
  textTypes: [],
  existing: "skip",
  checksums: false,
  resume: false,
  dryRun: true,
  tags: [],
  breakLock: false,
  newStore: false,
  acceptLoss: false,
  inProcess: true,
  command: "init",
} as const;

async function inspect(request: InitRequest, signal: AbortSignal): Promise<Installation> {
  const given = path.resolve(request.directory);
  if (!isDirectory(given)) throw new HoldfastError("E_USAGE", `${given} is not a directory`);
  const root = realpathSync(given);
  if (root === "/") throw new HoldfastError("E_USAGE", "the root of the file system is not an installation");
  const { name, found } = detectApplication(root);
  const proven = [];
  for (const database of found.databases) proven.push(await proveDatabase(database, signal));
  const references = await referencesOf(found, root, signal);
  const taken = new Set(found.trees.map((tree) => path.resolve(root, tree.path)));
  return {
    application: name,
    site: request.site ?? siteNameOf(root),
    root,
    dest: path.resolve(request.dest ?? `${root}_backups`),
    found,
    databases: proven,
    services: findServices(root, "/etc", taken),
    ...(references && { references }),
  };
}

const siteNameOf = (root: string): string =>
  path
    .basename(root)
    .replaceAll(/[^A-Za-z0-9_-]+/g, "_")
    .replace(/^[_-]+/, "")
    .slice(0, 64) || "site";

/** Writes and loads the config; removes it again if it cannot be loaded. */
function writeConfig(file: string, text: string): ReturnType<typeof loadConfig> {
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text, { flag: "wx", mode: 0o640 });
  } catch (error) {
    if (systemCode(error) === "EEXIST")
      throw new HoldfastError("E_CONFIG", `${file} exists and is not overwritten`, {
        hint: "choose another file with -o",
      });
    throw new HoldfastError("E_CONFIG", `${file} cannot be written`, {
      hint: "choose a file in a writable directory with -o",
      cause: error,
    });
  }
  try {
    return loadConfig(file, process.env);
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  }
}
