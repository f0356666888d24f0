/** Compares a shard of the audio cache with the list of its files. */
import { readEntryList, type ListedEntry } from "../../archive/entry-list.ts";
import { display } from "../../archive/path.ts";
import type { TarEntry } from "../../archive/tar/reader.ts";

/** The number of differences shown for one shard; the rest usually have the same cause. */
const MOST = 20;

/** Compares a shard with its list, entry by entry; both are in the order of the walk. */
export class ListComparison {
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
    // A hard link has the content of the entry that it names, which has been compared with its own line.
    if (entry.type !== "hardlink" && line.sha256 !== entry.sha256)
      this.#differ(`the content of ${display(entry.path)} differs from ${this.#name}`);
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
