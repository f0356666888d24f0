/** Archives: every zip and tgz of a step is read to its end, its entries are counted, and a shard holds what its list says. */
import path from "node:path";
import { readEntryList, type ListedEntry } from "../../archive/entry-list.ts";
import { display } from "../../archive/path.ts";
import { verifyTgz, type TarEntry } from "../../archive/untgz.ts";
import { verifyZip } from "../../archive/unzip.ts";
import { HoldfastError } from "../../errors.ts";
import { metadataSchema, type Artifact, type StepName } from "../../model/unit.ts";
import { formatBytes } from "../../report/format.ts";
import { workThrough } from "./parallel.ts";
import { tryRead, type Survey, type UnitRecord } from "./survey.ts";
import { count, type Finding, type Problem } from "./verification.ts";

/** Archives unpacked at the same time; most of the work is zlib's, in threads of its own. */
const READERS = 2;

type Kind = "zip" | "tgz";

function kindOf({ path: file }: Artifact): Kind | undefined {
  if (file.endsWith(".zip")) return "zip";
  return file.endsWith(".tgz") ? "tgz" : undefined;
}

/** Undefined when the step has no archive. */
export async function checkArchives(survey: Survey, step: StepName, signal: AbortSignal): Promise<Finding | undefined> {
  const units = survey.units.filter((unit) => unit.step === step);
  const archives = units.flatMap((unit) =>
    unit.artifacts.map((artifact) => ({ unit, artifact, kind: kindOf(artifact) })),
  );
  const problems: Problem[] = [];
  let read = 0;
  let entries = 0;
  let bytes = 0;
  await workThrough(archives, READERS, async ({ unit, artifact, kind }) => {
    if (kind === undefined) return;
    read++;
    const say = (message: string): void => void problems.push({ path: artifact.path, message });
    if (survey.files.get(artifact.path)?.isFile !== true) return say("is missing");
    try {
      const found = await readArchive(survey, unit, artifact, kind, signal, say);
      entries += found.entries;
      bytes += found.bytes;
      if (artifact.entries !== undefined && artifact.entries !== found.entries)
        say(`holds ${found.entries} entries; ${unit.file} says ${artifact.entries}`);
    } catch (error) {
      signal.throwIfAborted();
      say(messageOf(error, path.join(survey.directory, artifact.path)));
    }
  });
  if (read === 0) return undefined;
  return {
    figure: `${count(read, "archive")}, ${count(entries, "entry", "entries")}, ${formatBytes(bytes)} unpacked`,
    problems: problems.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  };
}

async function readArchive(
  survey: Survey,
  unit: UnitRecord,
  artifact: Artifact,
  kind: Kind,
  signal: AbortSignal,
  say: (message: string) => void,
) {
  const file = path.join(survey.directory, artifact.path);
  if (kind === "zip") return await verifyZip(file, signal);
  const list = listOf(survey, unit);
  if (list === undefined) return await verifyTgz(file, undefined, signal);
  const compared = new ListComparison(path.join(survey.directory, list), list, say);
  const found = await verifyTgz(file, (entry) => compared.take(entry), signal);
  compared.end();
  return found;
}

/** The list of a shard's files, where the unit has one. */
function listOf(survey: Survey, unit: UnitRecord): string | undefined {
  const list = tryRead(survey.directory, unit.file, metadataSchema, [])?.["files_list"];
  return typeof list === "string" ? list : undefined;
}

/** Differences shown of one shard; the rest are of the same cause. */
const MOST = 20;

/** Holds a shard against its list, entry by entry: both are in the order of the walk. */
class ListComparison {
  readonly #name: string;
  readonly #lines: Generator<ListedEntry>;
  readonly #say: (message: string) => void;
  #said = 0;
  #broken = false;

  constructor(file: string, name: string, say: (message: string) => void) {
    this.#name = name;
    this.#lines = readEntryList(file);
    this.#say = say;
  }

  take(entry: TarEntry): void {
    if (entry.path === "" || this.#broken) return; // the root itself is in no list
    const line = this.#next();
    if (line === undefined) return this.#differ(`holds ${display(entry.path)}, which ${this.#name} does not list`);
    if (line.path !== entry.path) {
      this.#broken = true;
      return this.#differ(`holds ${display(entry.path)} where ${this.#name} lists ${display(line.path)}`);
    }
    // A hard link has the content of the entry that it names, which was held against a line of its own.
    if (entry.type !== "hardlink" && line.sha256 !== entry.sha256)
      this.#differ(`the content of ${display(entry.path)} is not what ${this.#name} lists`);
  }

  end(): void {
    const line = this.#broken ? undefined : this.#next();
    if (line !== undefined) this.#differ(`lacks ${display(line.path)}, which ${this.#name} lists`);
    this.#lines.return(undefined);
  }

  #next(): ListedEntry | undefined {
    try {
      const line: IteratorResult<ListedEntry, unknown> = this.#lines.next();
      return line.done === true ? undefined : line.value;
    } catch {
      this.#broken = true;
      this.#differ(`${this.#name} cannot be read as a list of files`);
      return undefined;
    }
  }

  #differ(message: string): void {
    if (this.#said++ < MOST) this.#say(message);
  }
}

/** What is wrong with a file, without its own name in front. */
export const messageOf = (error: unknown, file: string): string =>
  (error instanceof HoldfastError ? error.message : String(error)).replace(`${file}: `, "").replace(`${file} `, "");
