/** Finds the files that `infra` of the config names, and the file of `infra/` that each goes into. */
import { closeSync, fstatSync, readFileSync, type Stats } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import path from "node:path";
import glob from "fast-glob";
import { fromString } from "../../../archive/path.ts";
import { openTrusted } from "../../../archive/tree/trusted-path.ts";
import { asHoldfastError, HoldfastError } from "../../../errors.ts";

/** The `infra` section of the config, its paths relative to `root`, absolute, or globs. */
export interface InfraInput {
  readonly root: string;
  readonly repo?: string;
  readonly env: readonly string[];
  readonly settings?: readonly string[];
  /** Prints the settings in force. */
  readonly settingsCommand?: readonly string[];
  readonly keepValues: readonly string[];
  readonly redactKeys: readonly string[];
  readonly nginx: readonly string[];
  readonly apache?: readonly string[];
  readonly php?: readonly string[];
  readonly cron?: readonly string[];
  /** Any other text files. */
  readonly files?: readonly string[];
  readonly systemd: readonly string[];
  /** Users, or paths of crontab files. */
  readonly crontabs: readonly string[];
  readonly tls: readonly string[];
  /** Put before `settingsCommand`. */
  readonly execPrefix: readonly string[];
  /** Values that are known to be secret, such as the database's password; taken out wherever they stand. */
  readonly knownSecrets?: readonly string[];
}

export type Source =
  | { readonly kind: "file"; readonly file: string }
  /** Configured and missing. */
  | { readonly kind: "missing"; readonly entry: string }
  /** A glob that nothing matches: a host may well have none of these files. */
  | { readonly kind: "unmatched"; readonly entry: string }
  | { readonly kind: "crontab"; readonly user: string }
  | { readonly kind: "command"; readonly argv: readonly string[] };

/** One file of `infra/` and what it is made from. */
export interface InfraUnit {
  /** Its path below `infra/`; also its name in indexes and failures. */
  readonly name: string;
  readonly form: "env" | "text" | "tls";
  readonly sources: readonly Source[];
}

/** Every unit that the config asks for but `git_info.txt`, in a fixed order. Nothing is read but directories. */
export async function infraUnits(input: InfraInput): Promise<InfraUnit[]> {
  const taken = new Set<string>();
  const units: InfraUnit[] = [];
  const add = (name: string, form: InfraUnit["form"], sources: readonly Source[]): void => {
    if (sources.length > 0) units.push({ name: unique(name, taken), form, sources });
  };
  const expand = async (entries: readonly string[]): Promise<Source[]> =>
    distinct((await Promise.all(entries.map((entry) => findFiles(input.root, entry)))).flat());

  const command: Source[] =
    input.settingsCommand === undefined
      ? []
      : [{ kind: "command", argv: [...input.execPrefix, ...input.settingsCommand] }];
  add("settings_snapshot.txt", "text", [...(await expand(input.settings ?? [])), ...command]);
  for (const [index, source] of (await expand(input.env)).entries()) {
    add(index === 0 ? ".env.sample" : `${baseName(source)}.sample`, "env", [source]);
  }
  add("nginx_site.conf", "text", await expand(input.nginx));
  const each = async (directory: string, entries: readonly string[] = []): Promise<void> => {
    for (const source of await expand(entries)) add(`${directory}/${baseName(source)}`, "text", [source]);
  };
  await each("apache", input.apache);
  await each("php", input.php);
  await each("cron", input.cron);
  await each("files", input.files);
  for (const source of distinct((await Promise.all((await expand(input.systemd)).map(withDropIns))).flat())) {
    add(`systemd_units/${unitFileName(source)}`, "text", [source]);
  }
  for (const entry of input.crontabs) {
    const sources: Source[] = /^[\w][\w.-]*\$?$/.test(entry)
      ? [{ kind: "crontab", user: entry }]
      : await findFiles(input.root, entry);
    for (const source of sources)
      add(`crontabs/${source.kind === "crontab" ? entry : baseName(source)}`, "text", [source]);
  }
  add("tls_files.txt", "tls", await expand(input.tls));
  return units;
}

/** Returns the files of an entry: itself, the files of a directory, or the matches of a glob. */
export async function findFiles(root: string, entry: string): Promise<Source[]> {
  const absolute = path.resolve(root, entry);
  const found = await lookAt(absolute);
  if (found !== undefined) return found;
  if (!glob.isDynamicPattern(entry)) return [{ kind: "missing", entry: absolute }];
  const paths = await glob(entry, { cwd: root, absolute: true, dot: true, onlyFiles: false, suppressErrors: true });
  const files = await Promise.all(
    paths.toSorted().map(async (file) => (await lookAt(file)) ?? [{ kind: "missing" as const, entry: file }]),
  );
  return files.flat().length > 0 ? files.flat() : [{ kind: "unmatched", entry }];
}

async function lookAt(file: string): Promise<Source[] | undefined> {
  try {
    if (!(await stat(file)).isDirectory()) return [{ kind: "file", file }];
    const names = (await readdir(file, { withFileTypes: true }))
      .filter((entry) => !entry.isDirectory())
      .map(({ name }) => name);
    return names.toSorted().map((name) => ({ kind: "file", file: path.join(file, name) }));
  } catch (error) {
    // What is there and may not be looked at shows itself when it is read.
    return asHoldfastError(error, "E_IO").code === "E_MISSING" ? undefined : [{ kind: "file", file }];
  }
}

/** A unit file and its `<name>.d/*.conf`. */
async function withDropIns(source: Source): Promise<Source[]> {
  if (source.kind !== "file" || path.dirname(source.file).endsWith(".d")) return [source];
  const dropIns = (await lookAt(`${source.file}.d`)) ?? [];
  return [source, ...dropIns.filter((dropIn) => dropIn.kind === "file" && dropIn.file.endsWith(".conf"))];
}

function unitFileName(source: Source): string {
  const base = baseName(source);
  const parent = source.kind === "file" ? path.basename(path.dirname(source.file)) : "";
  return parent.endsWith(".d") ? `${parent}/${base}` : base;
}

/** Returns the name of a source in headers and messages. */
export function sourceLabel(source: Source): string {
  if (source.kind === "file") return source.file;
  if (source.kind === "missing" || source.kind === "unmatched") return source.entry;
  return source.kind === "crontab" ? `the crontab of ${source.user}` : `the output of ${source.argv[0] ?? "a command"}`;
}

function baseName(source: Source): string {
  return path.basename(sourceLabel(source));
}

function distinct(sources: readonly Source[]): Source[] {
  return [...new Map(sources.map((source) => [sourceLabel(source), source])).values()];
}

function unique(name: string, taken: Set<string>): string {
  let free = name;
  for (let number = 2; taken.has(free); number++) free = `${name}.${number}`;
  taken.add(free);
  return free;
}

/** A text in its own encoding: what is no UTF-8 is taken byte by byte, so that every byte comes back. */
export interface SourceText {
  readonly text: string;
  readonly encoding: "utf8" | "latin1";
}

const READ_AT_MOST = 8 * 1024 * 1024;

/** Calls `use` with a file of the site. Throws as open(2) does, and `E_LINK` for a link that cannot be trusted. */
export function withFile<T>(file: string, use: (fd: number, facts: Stats) => T): T {
  const fd = openTrusted(fromString(file));
  try {
    return use(fd, fstatSync(fd));
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads a text file. Throws `E_MISSING`, `E_LINK`, `E_UNREADABLE` (no rights, no regular file, no text, over 8 MB) or
 * `E_IO`.
 */
export async function readText(file: string): Promise<SourceText> {
  try {
    if ((await realpath(file)) === "/dev/null") return { text: "", encoding: "utf8" }; // how systemd masks a unit
    const data = withFile(file, (fd, facts) => {
      if (!facts.isFile())
        throw new HoldfastError("E_UNREADABLE", `${file} is not a regular file`, { hint: "correct the config" });
      if (facts.size > READ_AT_MOST)
        throw new HoldfastError("E_UNREADABLE", `${file} is too large for a settings file`, {
          hint: "correct the config",
        });
      return readFileSync(fd);
    });
    if (data.includes(0))
      throw new HoldfastError("E_UNREADABLE", `${file} is not a text file`, {
        hint: "correct the config, or convert it to UTF-8",
      });
    const text = data.toString("utf8");
    return Buffer.from(text).equals(data)
      ? { text, encoding: "utf8" }
      : { text: data.toString("latin1"), encoding: "latin1" };
  } catch (error) {
    throw asHoldfastError(error, "E_IO");
  }
}
