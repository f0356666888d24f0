/** Finds files by name in the runs of a store, and unpacks nothing for it. */
import picomatch from "picomatch";
import type { BytePath } from "../archive/entry.ts";
import { basename, display, isUtf8, toBuffer } from "../archive/path.ts";
import { asHoldfastError } from "../errors.ts";
import { STEP_NAMES } from "../model/unit.ts";
import { listRuns, runDirectory } from "../store/layout.ts";
import { findStore } from "../store/open.ts";
import { pinRun } from "../store/pins.ts";
import { readStepMetadata } from "../store/step-index.ts";
import { findRun } from "./find-run.ts";
import { entrySources, type UnitEntry } from "./unit-entries.ts";

export interface FindRequest {
  readonly store: string;
  /** A run's id, `latest`, or `all`. */
  readonly run: string;
  /** A name; a glob of names; with a slash, a glob of places on the site. */
  readonly pattern: string;
  readonly ignoreCase: boolean;
}

export interface FoundFile {
  readonly run: string;
  readonly built_in: string;
  readonly step: string;
  readonly unit: string;
  readonly artifact: string;
  /** Where it belongs on the site: what `restore --path` takes. */
  readonly path: string;
  readonly path_b64?: string;
  readonly type: UnitEntry["type"];
  readonly size: number;
  readonly mtime: string;
}

export interface FindOutcome {
  readonly runs: number;
  readonly found: number;
  /** Archives that could not be read, and why. */
  readonly not_searched: readonly string[];
}

/**
 * Looks through the runs, the newest first. An archive that several runs share is read once. Throws `E_STORE`, `E_RUN_UNKNOWN`; what is damaged is
 * told at the end.
 */
export async function findFiles(
  request: FindRequest,
  options: { readonly signal: AbortSignal; readonly onFound: (found: FoundFile) => void },
): Promise<FindOutcome> {
  const { path: store } = await findStore(request.store);
  const runs = request.run === "all" ? listRuns(store).toReversed() : [findRun(store, request.run)];
  const matches = matcher(request);
  const known = new Map<string, readonly UnitEntry[]>();
  const notSearched = new Set<string>();
  let found = 0;
  for (const run of runs) {
    const unpin = await pinRun(store, run, "find");
    try {
      for (const step of STEP_NAMES) {
        const units = [...readStepMetadata(runDirectory(store, run), step)];
        // The layers of the audio cache are one tree: what is alive of a shard depends on the others.
        const groups = step === "audio_cache" ? [units] : units.map((unit) => [unit]);
        for (const group of groups) {
          const [first] = group;
          if (first === undefined) continue;
          const key =
            step === "audio_cache"
              ? undefined
              : group.flatMap((unit) => unit.artifacts.map(({ sha256 }) => sha256)).join();
          const hits = (key === undefined ? undefined : known.get(key)) ?? (await search(group));
          if (key !== undefined) known.set(key, hits);
          for (const hit of hits) {
            found++;
            options.onFound(describe(run, first.built_in, hit));
          }
        }
      }
    } finally {
      unpin();
    }
    async function search(group: Parameters<typeof entrySources>[1]): Promise<UnitEntry[]> {
      const hits: UnitEntry[] = [];
      for (const source of entrySources(runDirectory(store, run), group, options.signal)) {
        options.signal.throwIfAborted();
        try {
          hits.push(...(await source.read()).filter(({ place }) => matches(place)));
        } catch (error) {
          options.signal.throwIfAborted();
          notSearched.add(`${run}/${source.artifact}: ${asHoldfastError(error).message}`);
        }
      }
      return hits;
    }
  }
  return { runs: runs.length, found, not_searched: [...notSearched] };
}

function matcher({ pattern, ignoreCase }: FindRequest): (place: BytePath) => boolean {
  const isGlob = /[*?[{]/.test(pattern);
  const whole = pattern.includes("/");
  const glob = picomatch(pattern.replace(/^\.?\/(?=.)/, pattern.startsWith("/") ? "/" : ""), {
    dot: true,
    nocase: ignoreCase,
  });
  const fold = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
  return (place) => {
    const text = toBuffer(whole ? place : basename(place)).toString("utf8");
    return fold(text) === fold(pattern) || (isGlob && glob(text));
  };
}

function describe(run: string, built_in: string, { label, artifact, place, type, size, mtime }: UnitEntry): FoundFile {
  const slash = label.indexOf("/");
  return {
    run,
    built_in,
    step: label.slice(0, slash),
    unit: label.slice(slash + 1),
    artifact,
    path: display(place),
    ...(isUtf8(place) ? {} : { path_b64: toBuffer(place).toString("base64") }),
    type,
    size,
    mtime,
  };
}
