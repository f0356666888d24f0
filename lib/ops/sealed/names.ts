/** Documents that name files and people, out of the sealed archive of a run into its plain copy. */
import { existsSync, mkdirSync, mkdtempSync, renameSync } from "node:fs";
import path from "node:path";
import { fromString } from "../../archive/path.ts";
import { removeTree } from "../../archive/tree/remove.ts";
import { unpackArchive } from "../../archive/unpack/archive.ts";
import { HoldfastError } from "../../errors.ts";
import { sealSchema } from "../../model/seal.ts";
import { metadataSchema, STEP_NAMES, type UnitMetadata } from "../../model/unit.ts";
import { PROJECTS_FILE } from "../../steps/core/projects.ts";
import { readDocument } from "../../store/files/json-documents.ts";
import { hashFile } from "../../store/files/hash.ts";
import { listFiles } from "../../store/run/checksums.ts";
import { readManifestHead } from "../../store/run/manifest.ts";
import { PLACES_FILE } from "../../store/run/places.ts";
import { hasSealedNames, NAMES_FILE, wholeMetadata } from "../../store/run/readable.ts";
import { listMetadata } from "../../store/run/step-index.ts";
import { sealedName } from "../../store/seal/names.ts";

/** Documents of a run whose readable part the whole ones replace. */
const REPLACED = new Set(["RESTORE.md", PLACES_FILE, PROJECTS_FILE]);
/** Names of directories below one another. */
const MOST_DEPTH = 16;

/** Returns the sealed archive of names among the files of a run, if it has one, and the program that opens it. */
export const namesIn = (files: ReadonlyMap<string, string>) =>
  sealSchema.shape.program.options
    .map((program) => ({ program, stored: sealedName(NAMES_FILE, { program }) }))
    .find(({ stored }) => files.has(stored));

/**
 * Unpacks the opened `archive` into the copy of its run, which has the other documents. Returns the digest of each file
 * that it wrote, and the whole metadata. Throws `E_VERIFY` for names that are not those of the run, `E_ARCHIVE`.
 */
export async function unpackNames(
  archive: string,
  run: string,
  files: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<{ readonly written: ReadonlyMap<string, string>; readonly units: readonly UnitMetadata[] }> {
  const about = readManifestHead(run).sealed_names;
  const into = mkdtempSync(`${run}-names-`);
  try {
    await unpackArchive({
      archive,
      format: "tgz",
      targets: [{ prefix: "", into: fromString(into) }],
      owners: null,
      limits: { bytes: about?.size_bytes ?? 0, entries: about?.files ?? 0, depth: MOST_DEPTH },
      cancelled: () => signal.aborted,
    });
    const written = new Map<string, string>();
    const units: UnitMetadata[] = [];
    for (const file of listFiles(into)) {
      signal.throwIfAborted();
      if (path.posix.basename(file) === "metadata.json") {
        const whole = wholeIn(run, into, file);
        if (whole === undefined) continue;
        units.push(whole);
      } else if (files.has(file) && !REPLACED.has(file))
        throw new HoldfastError("E_VERIFY", `the sealed names of ${path.basename(run)} hold ${file}, which is no list`);
      const to = path.join(run, file);
      mkdirSync(path.dirname(to), { recursive: true, mode: 0o700 });
      renameSync(path.join(into, file), to);
      written.set(file, (await hashFile(to, signal)).sha256);
    }
    const lacking = STEP_NAMES.flatMap((step) => listMetadata(run, step)).find((file) => !written.has(file));
    if (lacking !== undefined) throw doNotFit(run, lacking);
    return { written, units };
  } finally {
    removeTree(fromString(into));
  }
}

/** Returns the whole metadata of a unit of the run; undefined for a unit that the run does not have. */
function wholeIn(run: string, named: string, file: string): UnitMetadata | undefined {
  if (!existsSync(path.join(run, file))) return undefined;
  const readable = readDocument(path.join(run, file), metadataSchema);
  const whole = hasSealedNames(readable) ? wholeMetadata(readable, named, file) : undefined;
  if (whole !== undefined) return whole;
  throw doNotFit(run, file);
}

const doNotFit = (run: string, file: string): HoldfastError =>
  new HoldfastError("E_VERIFY", `the sealed names of ${path.basename(run)} do not fit its ${file}`);
