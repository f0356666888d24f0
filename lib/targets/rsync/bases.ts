/** Chooses the runs on a target with whose files a new one is linked: by digest, so that nothing else is ever linked. */

/** A complete run there. */
export interface Candidate {
  /** Its directory in `runs/`. */
  readonly name: string;
  /** Digests by path. */
  digests(): ReadonlyMap<string, string>;
}

export interface Bases {
  /** Directories in `runs/`, newest first. */
  readonly names: readonly string[];
  /** Paths that one of them has with the same digest. */
  readonly held: ReadonlySet<string>;
}

/** rsync knows 20 directories for one transfer; attempts take some. */
const MOST_BASES = 16;

/** Chooses from candidates, newest first, those that have files which no newer one has. */
export function chooseBases(wanted: ReadonlyMap<string, string>, candidates: Iterable<Candidate>): Bases {
  const names: string[] = [];
  const held = new Set<string>();
  for (const candidate of candidates) {
    if (names.length === MOST_BASES || held.size === wanted.size) break;
    const digests = candidate.digests();
    const before = held.size;
    for (const [path, sha256] of wanted) if (digests.get(path) === sha256) held.add(path);
    if (held.size > before) names.push(candidate.name);
  }
  return { names, held };
}
