/** Whole backups of a test site, by the compiled scripts, and what they leave. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Manifest } from "../../../lib/model/run.ts";
import type { Failure, IndexEntry, UnitMetadata } from "../../../lib/model/unit.ts";
import { startProgram, type RunOptions, type RunResult, type StartedScript } from "../commands/run.ts";
import { builtScript } from "../commands/build.ts";
import { runInProcess } from "../commands/in-process.ts";
import { filesOf } from "../files.ts";
import type { TestSite } from "../sites/site.ts";

/** What a fingerprint calls too young to be trusted the next time, and a little more. */
const AT_REST_MS = 2_100;

/** What is asked of a site here: its config and its store. */
type Place = Pick<TestSite, "config" | "dest">;

export interface Summary {
  readonly run: string;
  readonly path: string;
  readonly status: string;
  readonly units: number;
  readonly failed: number;
  readonly skipped: number;
  readonly accepted: number;
  readonly units_built: number;
  readonly units_reused: number;
  readonly units_resumed: number;
  readonly written_bytes: number;
  readonly files_opened: number;
  readonly bytes_read: number;
  readonly bytes_deflated: number;
  readonly bytes_hashed: number;
  readonly steps: Readonly<
    Record<
      string,
      { readonly units: number; readonly reused: number; readonly resumed: number; readonly expected: number | null }
    >
  >;
  readonly uncovered: readonly string[];
}

export interface BackupResult extends RunResult {
  /** The last message, where the run came to its end. */
  readonly summary: Summary | undefined;
  /** The error that ended the run, where it did not. */
  readonly error: { readonly error_code: string; readonly message: string; readonly hint: string } | undefined;
  /** The notes and warnings, one a line. */
  readonly notes: string;
}

/** Backs up the whole site, with `--json`: in this process, its steps too, unless it is to have another user. */
export async function backup(
  site: Place,
  args: readonly string[] = [],
  options: Pick<RunOptions, "env" | "user"> = {},
): Promise<BackupResult> {
  return options.user === undefined
    ? toResult(await runInProcess("backup_all", backupArguments(site, args), options))
    : await backupByScripts(site, args, options);
}

/** As `backup`, and throws unless it ended with `code`; gives the summary. */
export async function backUp(
  site: Place,
  args: readonly string[] = [],
  { code = 0, ...options }: { readonly code?: number } & Pick<RunOptions, "env"> = {},
): Promise<Summary> {
  return summaryOf(await backup(site, args, options), code);
}

/** Backs up the whole site as a user does: by a process, and one for each step. */
export async function backupByScripts(
  site: Place,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<BackupResult> {
  return toResult(await startBackup(site, args, options).done);
}

/** Returns the summary of a backup that has to have ended with `code`. */
export function summaryOf(result: BackupResult, code = 0): Summary {
  if (result.code !== code || result.summary === undefined)
    throw new Error(`ended with ${result.code}\n${result.stdout}\n${result.stderr}`);
  return result.summary;
}

/** Starts a backup by scripts, for tests that look at it while it works. */
export function startBackup(site: Place, args: readonly string[] = [], options: RunOptions = {}): StartedScript {
  return startBuilt("backup_all", backupArguments(site, args), options);
}

const backupArguments = (site: Place, args: readonly string[]): string[] => [
  "--config",
  site.config,
  "--dest",
  site.dest,
  "--json",
  "--workers",
  "2",
  ...args,
];

/** Starts a compiled script with exactly these arguments. */
export function startBuilt(name: string, args: readonly string[], options: RunOptions = {}): StartedScript {
  return startProgram([process.execPath, builtScript(name), ...args], options);
}

/** The same to its end: half a second sooner than from the sources, for tests that start very many. */
export async function runBuilt(name: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return await startBuilt(name, args, options).done;
}

export function toResult(result: RunResult): BackupResult {
  const find = (type: string): unknown => result.json.find((line) => isMessage(line) && line.message_type === type);
  const notes = result.json.flatMap((line) =>
    isMessage(line) && line.message_type === "verbose_status" ? [String(line["item"])] : [],
  );
  return {
    ...result,
    summary: find("summary") as Summary | undefined,
    error: find("exit_error") as BackupResult["error"],
    notes: notes.join("\n"),
  };
}

export const isMessage = (line: unknown): line is { message_type: string; [key: string]: unknown } =>
  typeof line === "object" && line !== null && "message_type" in line;

/** Waits until what was just written is old enough to be believed unchanged. */
export const rest = (): Promise<void> => sleep(AT_REST_MS);

export const manifestOf = (run: string): Manifest => readJson(join(run, "manifest.json"));
export const failuresOf = (run: string): Failure[] => readJson(join(run, "failures.json"));
export const indexOf = (run: string, step: string): IndexEntry[] => readJson(join(run, step, "index.json"));
export const metadataOf = (run: string, unit: string): UnitMetadata => readJson(join(run, unit, "metadata.json"));

export function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, "utf8")) as T;
}

/** What `sha256sum -c` finds wrong with a run, and files that SHA256SUMS does not list; empty when it is sound. */
export function faultsOf(run: string): string[] {
  const { status, stdout, stderr } = spawnSync("sha256sum", ["--strict", "-c", "SHA256SUMS"], {
    cwd: run,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  const lines = `${stdout}${stderr}`.split("\n").filter((line) => line !== "" && !line.endsWith(": OK"));
  const listed = new Set(
    readFileSync(join(run, "SHA256SUMS"), "utf8")
      .split("\n")
      .map((line) => line.slice(66)),
  );
  const unlisted = filesOf(run).filter((file) => file !== "SHA256SUMS" && !listed.has(file));
  return [
    ...(status === 0 || lines.length > 0 ? [] : [`sha256sum ended with ${status}`]),
    ...lines,
    ...unlisted.map((file) => `${file} is not listed`),
  ];
}

/** The archives of a run, dumps and databases not among them: path → inode and digest. */
export function archivesOf(run: string): Map<string, { readonly inode: number; readonly sha256: string }> {
  const archives = filesOf(run).filter((file) => /\.(zip|tgz)$/.test(file));
  return new Map(
    archives.map((file) => [
      file,
      {
        inode: lstatSync(join(run, file)).ino,
        sha256: createHash("sha256")
          .update(readFileSync(join(run, file)))
          .digest("hex"),
      },
    ]),
  );
}

/** Everything about a tree that a command which must not write could change: names, inodes, times, sizes, targets. */
export function stateOf(directory: string): string {
  if (!existsSync(directory)) return "nothing is there";
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).map((entry) =>
    join(entry.parentPath, entry.name),
  );
  return [directory, ...entries]
    .toSorted()
    .map((file) => {
      const { ino, mode, size, mtimeMs, ctimeMs } = lstatSync(file);
      return [file, ino, mode, size, mtimeMs, ctimeMs, entryTarget(file)].join(" ");
    })
    .join("\n");
}

const entryTarget = (file: string): string => (lstatSync(file).isSymbolicLink() ? readlinkSync(file) : "");

/** The process ids that have the text in their environment or arguments; this process not. */
export function processesWith(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => procFile(pid, "environ").includes(text) || procFile(pid, "cmdline").includes(text));
}

export function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return ""; // it has ended meanwhile
  }
}

/** Waits until `check` holds; throws after some seconds. */
export async function eventually(what: string, check: () => boolean, seconds = 30): Promise<void> {
  // Many look through /proc: what takes long is looked at less often.
  const until = Date.now() + seconds * 1000;
  for (let pause = 10; Date.now() < until; pause = Math.min(pause * 1.2, 200)) {
    if (check()) return;
    await sleep(pause);
  }
  throw new Error(`after ${seconds} seconds still not: ${what}`);
}

/** The `bash` blocks of a run's RESTORE.md as one script, the first line that says where the site is to be replaced by `root`. */
export function restoreScript(run: string, root: string): string {
  const guide = readFileSync(join(run, "RESTORE.md"), "utf8");
  const blocks = [...guide.matchAll(/^```bash\n(.*?)^```$/gms)].map(([, block]) => block ?? "");
  const script = ["set -euo pipefail", ...blocks].join("\n");
  if (!/^ROOT=.*$/m.test(script)) throw new Error("RESTORE.md sets no ROOT");
  return script.replace(/^ROOT=.*$/m, () => `ROOT='${root}'`);
}

/** Runs the guide of a run literally, in the run's directory, with the site at `root`. */
export function restoreByGuide(run: string, root: string): void {
  mkdirSync(root, { recursive: true });
  execFileSync("bash", ["-c", restoreScript(run, root)], { cwd: run, stdio: ["ignore", "ignore", "pipe"] });
}
