/** Compares the files of a unit in two states of a site. */
import { display } from "../../archive/path.ts";
import type { BytePath } from "../../archive/entry.ts";
import type { Difference } from "./difference.ts";
import type { Entries, FileEntry } from "./state/entries.ts";

/** Compares the files of one unit. Directories count only where they are new or gone. */
export function compareEntries(about: Pick<Difference, "step" | "unit">, was: Entries, now: Entries): Difference[] {
  const difference = (place: BytePath, change: Difference["change"], what: string): Difference => ({
    kind: "file",
    change,
    ...about,
    name: display(place),
    was: was.get(place)?.size ?? null,
    now: now.get(place)?.size ?? null,
    what,
  });
  return [...new Set([...was.keys(), ...now.keys()])].toSorted().flatMap((place) => {
    const [before, after] = [was.get(place), now.get(place)];
    if (before === undefined) return [difference(place, "added", "")];
    if (after === undefined) return [difference(place, "removed", "")];
    const what = changeOf(before, after);
    return what === undefined ? [] : [difference(place, "changed", what)];
  });
}

function changeOf(was: FileEntry, now: FileEntry): string | undefined {
  if (was.type !== now.type) return "type";
  if (was.type === "directory") return undefined;
  if (was.type === "file" && was.size !== now.size) return "size";
  if (isComparable(was.content, now.content)) return was.content === now.content ? undefined : "content";
  // Archives have whole seconds at least.
  return seconds(was.mtime) === seconds(now.mtime) ? undefined : "time";
}

const isComparable = (a: string | null, b: string | null): boolean =>
  a !== null && b !== null && a.split(":")[0] === b.split(":")[0];

const seconds = (time: string): string => time.slice(0, 19);
