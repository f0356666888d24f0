/** Writes the documents that name files and people: sealed where names are, and then their readable part beside. */
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { create } from "tar";
import { projectListSchema, type ManifestHead } from "../../../model/run.ts";
import { PROJECTS_FILE } from "../../../steps/core/projects.ts";
import type { StepContext } from "../../../steps/core/context.ts";
import { readDocument } from "../../../store/files/json-documents.ts";
import { listFiles } from "../../../store/run/checksums.ts";
import { PLACES_FILE, type Places } from "../../../store/run/places.ts";
import { NAMES_FILE, readablePlaces, readableProjects } from "../../../store/run/readable.ts";
import { sealedName } from "../../../store/seal/names.ts";
import { sealContent } from "../../../store/seal/stream.ts";
import type { RestoreGuide } from "./restore-guide.ts";

type Context = Pick<StepContext, "directory" | "documents" | "named" | "seal" | "signal">;

/** Writes the guide and the paths of a run, and seals what names something. Returns what the manifest says of it. */
export async function writeNames(
  { directory, documents, named, seal, signal }: Context,
  { text, sealed }: RestoreGuide,
  places: Places,
): Promise<Pick<ManifestHead, "sealed_names">> {
  documents.writeText("RESTORE.md", text);
  if (seal === undefined || sealed === undefined) {
    documents.write(PLACES_FILE, places);
    return {};
  }
  documents.writeNames("RESTORE.md", sealed);
  documents.writeNamed(PLACES_FILE, places);
  documents.write(PLACES_FILE, readablePlaces(places));
  const projects = path.join(named, PROJECTS_FILE);
  if (existsSync(projects)) documents.write(PROJECTS_FILE, readableProjects(readDocument(projects, projectListSchema)));
  const files = listFiles(named);
  const archive = () => create({ cwd: named, gzip: true, portable: true, strict: true }, files);
  const { sha256 } = await sealContent(archive, path.join(directory, NAMES_FILE), seal, signal);
  const name = sealedName(NAMES_FILE, seal);
  documents.digests.set(name, sha256);
  const size_bytes = files.reduce((sum, one) => sum + statSync(path.join(named, one)).size, 0);
  return { sealed_names: { path: name, files: files.length, size_bytes } };
}
