/**
 * Opens compiled bundles: unpacks each, opens every page, and requests every media file that a page names from disk.
 */
import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { createHash } from "node:crypto";
import * as z from "zod";
import { fromString } from "../../../archive/path.ts";
import { unpackArchive } from "../../../archive/unpack/archive.ts";
import { asHoldfastError } from "../../../errors.ts";
import { metadataSchema } from "../../../model/unit.ts";
import { findChromium, openPages } from "./browser.ts";
import { browserHome, type BrowserHome } from "./browser-home.ts";
import { tryRead, type RunInventory, type UnitRecord } from "../inventory/run-inventory.ts";
import { count, type Finding, type Problem } from "../../checks/check.ts";

/** The number of units opened unless part of the run is requested. */
const UNITS = 5;

const bundleSchema = z.looseObject({
  reserved: z.object({ multimedia: z.string(), original: z.string() }),
  missing: z.array(z.object({ stored: z.string() })),
});
type Bundle = z.infer<typeof bundleSchema>;

export interface OpenRequest {
  /** True to open all units of the survey, which is already part of the run. */
  readonly all: boolean;
  /** Path of Chromium: null for none, undefined for that of this host. */
  readonly chromium?: string | null | undefined;
}

/** Checks the compiled pages; undefined if the run has no compiled text. */
export async function checkCompiledPages(
  survey: RunInventory,
  { all, chromium = findChromium() ?? null }: OpenRequest,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const units = survey.units.filter(({ step }) => step === "compiled_exports");
  if (units.length === 0) return undefined;
  const chosen = all ? units : sampleOf(survey.run, units);
  if (chromium === null)
    return { figure: count(chosen.length, "unit"), problems: [], notProved: "chromium is not installed" };
  const opening = new Opening(survey, chromium, signal);
  for (const unit of chosen) await opening.tryUnit(unit);
  return opening.finding();
}

/** Samples units; the same ones for the same run, others for another run. */
const sampleOf = (run: string, units: readonly UnitRecord[]): UnitRecord[] =>
  units
    .map((unit) => ({ unit, key: createHash("sha256").update(`${run}\0${unit.file}`).digest("hex") }))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .slice(0, UNITS)
    .map(({ unit }) => unit);

class Opening {
  readonly #survey: RunInventory;
  readonly #chromium: string;
  readonly #signal: AbortSignal;
  readonly #problems: Problem[] = [];
  readonly #notes: Problem[] = [];
  readonly #untried: string[] = [];
  #bundles = 0;
  #pages = 0;
  #media = 0;

  constructor(survey: RunInventory, chromium: string, signal: AbortSignal) {
    this.#survey = survey;
    this.#chromium = chromium;
    this.#signal = signal;
  }

  async tryUnit(unit: UnitRecord): Promise<void> {
    const bundles = tryRead(this.#survey.directory, unit.file, metadataSchema, [])?.["bundles"];
    for (const { path: artifact } of unit.artifacts) {
      const name = path.posix.basename(artifact).replace(/\.zip$/, "");
      const own = z.record(z.string(), z.unknown()).safeParse(bundles).data?.[name];
      const bundle = bundleSchema.safeParse(own).data;
      if (!artifact.endsWith(".zip") || bundle === undefined) continue;
      this.#bundles++;
      let home: BrowserHome | undefined;
      try {
        home = await browserHome(this.#signal);
        await this.#open(artifact, bundle, home);
      } catch (error) {
        this.#signal.throwIfAborted();
        const { code, message } = asHoldfastError(error);
        if (code === "E_ARCHIVE") this.#problems.push({ path: artifact, message });
        else this.#untried.push(`${artifact}: ${message}`);
      } finally {
        await home?.remove();
      }
    }
  }

  async #open(artifact: string, bundle: Bundle, home: BrowserHome): Promise<void> {
    const into = path.join(home.directory, "bundle");
    const signal = this.#signal;
    const limits = { bytes: Number.MAX_SAFE_INTEGER, entries: Number.MAX_SAFE_INTEGER, depth: 128 };
    await unpackArchive({
      archive: path.join(this.#survey.directory, artifact),
      format: "zip",
      targets: [{ prefix: "", into: fromString(into) }],
      owners: null,
      limits,
      cancelled: () => signal.aborted,
    });
    const pages = pagesIn(into, path.join(into, bundle.reserved.original));
    const result = await openPages(this.#chromium, pages, home, signal);
    this.#pages += pages.length;
    this.#media += result.media;
    const known = new Set(bundle.missing.map(({ stored }) => stored));
    for (const { page, url } of result.failed) this.#recordFailure(artifact, into, known, page, url);
  }

  /**
   * Records a failure. The bundle's metadata list the media that were missing already when it was made; what is on the
   * network is in no backup.
   */
  #recordFailure(artifact: string, into: string, known: ReadonlySet<string>, page: string, url: string | null): void {
    const shown = path.relative(into, fileURLToPath(page));
    if (url === null) return void this.#problems.push({ path: artifact, message: `${shown} does not open` });
    if (!url.startsWith("file:"))
      return void this.#notes.push({ path: artifact, message: `${shown} requests ${url} from the network` });
    const [plain = ""] = url.split(/[?#]/);
    const wanted = path.relative(into, fileURLToPath(plain));
    const encoded = wanted.split("/").map(encodeURIComponent).join("/");
    const isKnown = [...known].some((stored) => stored === encoded || decodeURIComponent(stored) === wanted);
    if (isKnown) this.#notes.push({ path: artifact, message: `${wanted} was missing on the site already` });
    else this.#problems.push({ path: artifact, message: `${shown} names ${wanted}, which the bundle does not hold` });
  }

  finding(): Finding {
    return {
      figure: [
        count(this.#bundles, "bundle"),
        `${count(this.#pages, "page")} opened`,
        `${count(this.#media, "media file")} requested`,
      ].join(", "),
      problems: this.#problems,
      notes: this.#notes,
      ...(this.#untried.length > 0 ? { notProved: this.#untried.join("; ") } : {}),
    };
  }
}

function pagesIn(directory: string, except: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) return file === except ? [] : pagesIn(file, except);
    return entry.isFile() && /\.(?:html?|xhtml)$/i.test(entry.name) ? [file] : [];
  });
}
