/**
 * Streams a manifest, which lists every unit of a run, so that memory does not grow with the site.
 * The items of each step's lists (`steps.<step>.index[]` and `.metadata[]`) are passed on one by one; the rest, which
 * is small, is returned at the end.
 */
import { pipeline } from "node:stream/promises";
import { streamRegular } from "../../../archive/files/regular-file.ts";
import { DOCUMENT, parseJson } from "../../../archive/limits.ts";
import { HoldfastError } from "../../../errors.ts";

/** The two lists of a step in a manifest. */
export type ManifestList = "index" | "metadata";

export type OnItem = (step: string, list: ManifestList, item: unknown) => void;

/**
 * Returns the manifest with both lists of each step empty. Throws `E_VERIFY` if the file is missing or not valid JSON.
 */
export async function streamManifest(file: string, onItem: OnItem, signal: AbortSignal): Promise<unknown> {
  const scanner = new ManifestScanner(onItem);
  try {
    await pipeline(
      streamRegular(file, "E_VERIFY", { highWaterMark: 256 * 1024 }).setEncoding("utf8"),
      async (source: AsyncIterable<string>) => {
        for await (const chunk of source) scanner.push(chunk);
      },
      { signal },
    );
    return scanner.end();
  } catch (error) {
    signal.throwIfAborted();
    throw new HoldfastError("E_VERIFY", `${file} cannot be read as JSON`, { cause: error });
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The nesting depth of the lists: root, `steps`, the step, the list. */
const LIST_DEPTH = 4;

/** Tracks brackets and strings only; JSON.parse then checks the extracted items and the rest. */
class ManifestScanner {
  readonly #onItem: OnItem;
  #rest = "";
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** The last string outside the lists, and the key at each depth. */
  #string = "";
  readonly #keys: string[] = [];
  #list: ManifestList | undefined;
  #item = "";
  #afterComma = false;

  constructor(onItem: OnItem) {
    this.#onItem = onItem;
  }

  push(chunk: string): void {
    let from = 0;
    const take = (to: number): void => {
      if (this.#list === undefined) this.#rest += chunk.slice(from, to);
      else this.#item += chunk.slice(from, to);
      from = to;
    };
    for (let at = 0; at < chunk.length; at++) {
      const code = chunk.charCodeAt(at);
      if (this.#inString) {
        this.#inText(code, chunk, at);
      } else if (code === QUOTE) {
        this.#inString = true;
        this.#string = "";
      } else if (code === COLON && this.#depth < LIST_DEPTH) {
        this.#keys[this.#depth] = this.#string;
      } else if (code === OPEN_LIST || code === OPEN_OBJECT) {
        this.#depth++;
        if (code === OPEN_LIST && this.#depth === LIST_DEPTH && this.#isList()) {
          take(at + 1);
          this.#list = this.#keys[3] === "index" ? "index" : "metadata";
        }
      } else if (code === COMMA && this.#list !== undefined && this.#depth === LIST_DEPTH) {
        take(at);
        this.#emit();
        this.#afterComma = true;
        from = at + 1;
      } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) {
        if (this.#list !== undefined && this.#depth === LIST_DEPTH) {
          take(at);
          if (this.#afterComma || this.#item.trim() !== "") this.#emit();
          this.#afterComma = false;
          this.#item = "";
          this.#list = undefined;
        }
        this.#depth--;
      }
    }
    take(chunk.length);
    if (Math.max(this.#rest.length, this.#item.length) > DOCUMENT.bytes)
      throw new SyntaxError("an item of the manifest is too large");
  }

  end(): unknown {
    if (this.#list !== undefined) throw new SyntaxError("the manifest ends inside a list");
    return parseJson(this.#rest);
  }

  #inText(code: number, chunk: string, at: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (code === BACKSLASH) this.#escaped = true;
    else if (code === QUOTE) this.#inString = false;
    if (this.#inString && this.#depth < LIST_DEPTH && this.#string.length < 64) this.#string += chunk.charAt(at);
  }

  #isList(): boolean {
    return this.#keys[1] === "steps" && (this.#keys[3] === "index" || this.#keys[3] === "metadata");
  }

  #emit(): void {
    if (this.#list === undefined) return;
    this.#onItem(this.#keys[2] ?? "", this.#list, parseJson(this.#item));
    this.#item = "";
  }
}
