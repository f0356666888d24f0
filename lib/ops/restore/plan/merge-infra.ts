/**
 * Merges the backup's copies of the host's configuration into the files on this host.
 * Redacted values are taken from the existing file. A file with secrets is never replaced by one without, and the
 * values that only the operator can know are listed.
 */
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import type { InfraItem } from "../../runs/unit-items.ts";

const REDACTED = "***REDACTED***";

export interface InfraResult {
  /**
   * Files to write: absolute path, text (one character a byte), and the file that their mode and owner are taken from.
   */
  readonly writes: readonly {
    readonly file: string;
    readonly text: string;
    readonly like: { readonly uid: number; readonly gid: number; readonly mode: number } | undefined;
  }[];
  /** Manual steps, one line each. */
  readonly byHand: readonly string[];
  /** Files of this host that the backup's copies, which have no secrets, do not replace. */
  readonly kept: readonly { readonly file: string; readonly copy: string }[];
}

export interface InfraPlaces {
  /** Returns the path on this host of a file of the backup's host. */
  readonly absolute: (place: string) => string;
  /** Checks whether the config names the file. */
  readonly isTaken: (file: string) => boolean;
}

export function mergeInfra(run: string, items: readonly InfraItem[], { absolute, isTaken }: InfraPlaces): InfraResult {
  const writes: InfraResult["writes"][number][] = [];
  const byHand: string[] = [];
  const left: InfraResult["kept"][number][] = [];
  for (const { artifact, sources } of items) {
    const [source, ...others] = sources;
    const kept = path.join(run, artifact);
    if (source === undefined || others.length > 0) {
      if (sources.length > 0) byHand.push(`${sources.map(absolute).join(", ")}: see ${kept}`);
      continue;
    }
    const file = absolute(source);
    if (!isTaken(file)) {
      byHand.push(`${file}: the config does not name it; see ${kept}`);
      continue;
    }
    const text = readFileSync(kept, "latin1");
    const present = readIfThere(file);
    const isEnv = artifact.endsWith(".sample");
    if (isEnv) {
      const merged = mergeEnv(text, present ?? "");
      for (const key of merged.missing) byHand.push(`${file}: fill in ${key}`);
      if (merged.text !== present) writes.push({ file, text: merged.text, like: statOf(file) });
    } else if (text.includes(REDACTED)) {
      if (present !== undefined) left.push({ file, copy: kept });
      else {
        byHand.push(`${file}: fill in the values marked ${REDACTED}`);
        writes.push({ file, text, like: undefined });
      }
    } else if (text !== present) writes.push({ file, text, like: statOf(file) });
  }
  return { writes, byHand, kept: left };
}

const PAIR = /^\s*(?:export\s+|set\s+)?([A-Za-z_][\w.-]*)\s*=(.*)$/;

/**
 * Returns the backup's lines, with the host's own assignment for each key whose value was redacted.
 * Keys that only the host has are appended. `missing` lists the keys without a value on either side.
 */
export function mergeEnv(sample: string, present: string): { text: string; missing: string[] } {
  const own = assignments(present);
  const seen = new Set<string>();
  const missing: string[] = [];
  const lines = sample.split("\n").map((line) => {
    const [, key, value = ""] = PAIR.exec(line) ?? [];
    if (key === undefined) return line;
    seen.add(key);
    if (value.trim() !== "" && !value.includes(REDACTED)) return line;
    const there = own.get(key);
    if (there !== undefined) return there;
    missing.push(key);
    return line;
  });
  const extra = [...own].filter(([key]) => !seen.has(key)).map(([, line]) => line);
  if (extra.length > 0 && lines.at(-1) === "") lines.pop();
  return { text: [...lines, ...extra].join("\n") + (extra.length > 0 ? "\n" : ""), missing };
}

/** Returns the assignments of an environment file, verbatim; quoted values may span several lines. */
function assignments(text: string): Map<string, string> {
  const found = new Map<string, string>();
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; at++) {
    let line = lines[at] ?? "";
    const [, key, value = ""] = PAIR.exec(line) ?? [];
    if (key === undefined) continue;
    const quote = /^\s*(["'`])/.exec(value)?.[1];
    while (
      quote !== undefined &&
      !closes(line.slice(line.indexOf("=") + 1).trimStart(), quote) &&
      at + 1 < lines.length
    )
      line += `\n${lines[++at] ?? ""}`;
    found.set(key, line);
  }
  return found;
}

const closes = (value: string, quote: string): boolean => {
  for (let at = 1; at < value.length; at++) {
    if (value[at] === "\\" && quote !== "'") at++;
    else if (value[at] === quote) return true;
  }
  return false;
};

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return undefined;
  }
}

const statOf = (file: string) => {
  const found = statSync(file, { throwIfNoEntry: false });
  return found === undefined ? undefined : { uid: found.uid, gid: found.gid, mode: found.mode };
};
