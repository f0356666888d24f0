/** Makes a migration package: data, storage, configuration without its secrets, checks and a guide in one file. */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, openSync, closeSync, fsyncSync, readdirSync, renameSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { removeTree } from "../../archive/tree/remove.ts";
import { systemOwnerNames } from "../../archive/owners.ts";
import { display, fromString } from "../../archive/path.ts";
import type { SiteConfig } from "../../config/load.ts";
import { engineOfUrl } from "../../database/engines/registry.ts";
import { HoldfastError } from "../../errors.ts";
import { databases } from "../../steps/db/databases.ts";
import { collectInfra } from "../../steps/infra/collect.ts";
import { inputOf } from "../../steps/infra/files/input.ts";
import { databasePasswords } from "../../steps/infra/step.ts";
import { fsyncDirectory } from "../../store/files/atomic.ts";
import { formatJson } from "../../store/files/json-documents.ts";
import { packDump, packPortable, type DataRequest, type PackedData } from "./export-data.ts";
import {
  CHECKS,
  CONFIG,
  DATA,
  DUMP,
  GUIDE,
  PACKAGE_FORMAT,
  PACKAGE_MANIFEST,
  PACKAGE_VERSION,
  STORAGE,
  type Checks,
  type PackageManifest,
} from "./format.ts";
import { packageGuide } from "./restore-guide.ts";
import { isBelow, storageTrees, type StorageTree } from "./trees.ts";
import { PackageWriter } from "./writer.ts";

export interface MakeRequest {
  /** The file to make; it must not exist. */
  readonly output: string;
  readonly config: SiteConfig | undefined;
  readonly data: DataRequest;
  readonly fromDump: boolean;
  /** Directories to pack in addition to those of the config. */
  readonly storage: readonly string[];
}

export interface MadePackage {
  readonly path: string;
  readonly size_bytes: number;
  readonly sha256: string;
  readonly manifest: PackageManifest;
  readonly checks: Checks;
}

/**
 * Makes the package atomically: the file appears only when it is complete. Throws `E_TARGET` if the file exists,
 * `E_USAGE` for a dump without the users that it holds, `E_MISSING` for a missing tree or captured file, `E_SECRET`,
 * and the errors of an export.
 */
export async function makePackage(request: MakeRequest, signal: AbortSignal): Promise<MadePackage> {
  const output = path.resolve(request.output);
  if (existsSync(output))
    throw new HoldfastError("E_TARGET", `${output} already exists`, { hint: "choose a file that does not exist" });
  if (request.fromDump && request.data.users !== "with passwords")
    throw new HoldfastError("E_USAGE", "a dump holds every user and every password hash", {
      hint: "add --include-users --include-passwords, or leave --from-dump out",
    });
  mkdirSync(path.dirname(output), { recursive: true });
  removeLeftovers(output);
  const staging = path.join(path.dirname(output), `.${path.basename(output)}.${process.pid}-${randomUUID()}.new`);
  mkdirSync(staging, { mode: 0o700 });
  try {
    const made = await write(request, { output, staging, signal });
    renameSync(path.join(staging, "package"), output);
    await fsyncDirectory(path.dirname(output));
    return made;
  } finally {
    removeTree(fromString(staging));
  }
}

/** Removes temporary files of a process that was killed. */
function removeLeftovers(output: string): void {
  const directory = path.dirname(output);
  const begin = `.${path.basename(output)}.`;
  for (const name of readdirSync(directory)) {
    const [, pid] = name.startsWith(begin) ? (/^(\d+)-[0-9a-f-]{36}\.new$/.exec(name.slice(begin.length)) ?? []) : [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) removeTree(fromString(path.join(directory, name)));
  }
}

interface Work {
  readonly output: string;
  readonly staging: string;
  readonly signal: AbortSignal;
}

async function write(request: MakeRequest, { output, staging, signal }: Work): Promise<MadePackage> {
  const { config, data } = request;
  const trees = storageTrees(config, request.storage);
  const leftOut: PackageManifest["left_out"] = [];
  const settings: string[] = [];
  const infra = await captureConfig(config, path.join(staging, CONFIG), signal);
  const packed = request.fromDump
    ? await packDump(data, staging, signal)
    : await packPortable(data, path.join(staging, DATA), signal);
  const file = path.join(staging, "package");
  const writer = new PackageWriter(file, config?.compression_level ?? 3, signal);
  try {
    await writer.own(request.fromDump ? DUMP : DATA, path.join(staging, request.fromDump ? DUMP : DATA));
    if (infra !== undefined) await writer.own(CONFIG, path.join(staging, CONFIG));
    const facts: Checks["trees"] = [];
    const apart = [output, staging, ...(config?.dest === undefined ? [] : [config.dest]), ...liveDatabases(request)];
    for (const tree of trees) {
      const own = await writer.tree(
        `${STORAGE}/${tree.name}`,
        fromString(tree.directory),
        excludeFrom(tree, apart),
        (entry, why) => leftOut.push({ what: `${tree.name}/${display(entry)}`, why }),
      );
      facts.push({ name: tree.name, ...own });
    }
    settings.push(...settingsOf(request, packed, infra));
    const checks: Checks = { tables: packed.tables, trees: facts, settings };
    writer.text(CHECKS, formatJson(checks));
    const about: Omit<PackageManifest, "files"> = {
      format: PACKAGE_FORMAT,
      format_version: PACKAGE_VERSION,
      created_at: new Date().toISOString(),
      source: { site: config?.site ?? data.sourceName, host: hostname(), url: data.sourceUrl },
      database: packed.database,
      users: data.users,
      trees: trees.map(({ name, place }) => ({ name, place })),
      config: infra !== undefined,
      left_out: [...packed.leftOut, ...leftOut],
      warnings: [...packed.warnings, ...(infra?.warnings ?? [])],
      owners: systemOwnerNames(),
    };
    writer.text(GUIDE, packageGuide(about, checks, path.basename(output)));
    const manifest: PackageManifest = { ...about, files: writer.files.slice() };
    writer.manifest(PACKAGE_MANIFEST, manifest);
    const { size, sha256 } = writer.finish();
    syncFile(file);
    return { path: output, size_bytes: size, sha256, manifest, checks };
  } catch (error) {
    writer.discard();
    throw error;
  }
}

/** Returns a filter for paths in a tree that are not packed: the package itself, the store, a database in use. */
function excludeFrom(tree: StorageTree, apart: readonly string[]): (entry: string) => boolean {
  const inside = apart.filter((one) => isBelow(one, tree.directory));
  const names = new Set(inside.map((one) => fromString(path.relative(tree.directory, one))));
  return (entry) => names.has(entry);
}

/** Lists the files of the site's SQLite databases, which are exported as data. */
function liveDatabases({ config, data: { target } }: MakeRequest): string[] {
  const urls = [{ url: target.url, root: target.root }];
  for (const { settings } of config === undefined ? [] : databases(config))
    urls.push({ url: settings.url, root: config?.root ?? "/" });
  return urls.flatMap(({ url, root }) => {
    const { files } = engineOfUrl(url);
    return files === undefined ? [] : files.all(files.locate({ url, root }));
  });
}

interface Captured {
  readonly files: readonly string[];
  readonly warnings: readonly string[];
}

async function captureConfig(
  config: SiteConfig | undefined,
  directory: string,
  signal: AbortSignal,
): Promise<Captured | undefined> {
  if (config?.infra === undefined) return undefined;
  mkdirSync(directory, { recursive: true });
  const secrets = await databasePasswords({ config, signal });
  const { files, failures, warnings } = await collectInfra(inputOf(config, secrets), directory, signal);
  const failed = failures.map(({ unit, message }) => `${unit}: not in the package: ${message}`);
  return { files, warnings: [...warnings, ...failed] };
}

function settingsOf({ config, data }: MakeRequest, { database }: PackedData, infra: Captured | undefined): string[] {
  const others = (config === undefined ? [] : databases(config)).slice(1).map(({ unit }) => unit);
  return [
    `The database was ${database.engine} ${database.server_version}.`,
    ...(infra?.files.some((file) => file.endsWith(".sample")) === true
      ? ["config/*.sample list the environment's keys; set their secret values again."]
      : []),
    ...(data.users === "left out"
      ? ["Users are not in the package: first create those that rows reference, under the same names."]
      : []),
    ...(data.users === "without passwords" ? ["Users have no usable password: each has to set a new one."] : []),
    ...(others.length > 0 ? [`Not in the package: the databases ${others.join(", ")}.`] : []),
    ...(config?.audio_cache?.databases ?? []).map((file) => `Not in the package: the cache's own database ${file}.`),
  ];
}

function syncFile(file: string): void {
  const fd = openSync(file, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
