/**
 * The host's configuration, back in its place. What was redacted is taken from the file that is there; no file with a secret in it is replaced by one
 * without, and what nobody but the operator can know is listed.
 */
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import type { InfraItem } from "../../runs/unit-items.ts";

const REDACTED = "***REDACTED***";

export interface InfraResult {
  /** Files to be written: absolute path, text (one character a byte), and whose mode and owner they get. */
  readonly writes: readonly {
    readonly file: string;
    readonly text: string;
    readonly like: { readonly uid: number; readonly gid: number; readonly mode: number } | undefined;
  }[];
  /** What has to be done by hand, a line each. */
  readonly byHand: readonly string[];
  /** Files of this host that the backup's copies do not replace: those have no secrets. */
  readonly kept: readonly { readonly file: string; readonly copy: string }[];
}

export interface InfraPlaces {
  /** Returns where on this host a file of the backup's host belongs. */
  readonly absolute: (place: string) => string;
  /** Returns whether the config names the file. */
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
 * The backup's lines, with the host's own assignment for each key whose value was left out; keys that only the host has stay, at the end. `missing`
 * are keys that neither gives a value.
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

/** The assignments of an environment file, as they stand there; quoted values may take several lines. */
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
