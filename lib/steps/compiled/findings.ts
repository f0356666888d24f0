/** Collects findings about the pages of a bundle while they are rewritten: counts by text type, and a line for each. */
import type { CompiledTree, TextTypeResult, WantedBy } from "./request.ts";

interface Note {
  readonly text: string;
  readonly page: string;
  pages: number;
}

interface Counts {
  files: number;
  external: number;
  readonly media: Map<string, WantedBy>;
  readonly pages: Map<string, WantedBy>;
}

export class PageFindings {
  readonly #byType = new Map<string, Counts>();
  readonly #notes = new Map<string, Note>();

  constructor(trees: readonly CompiledTree[]) {
    for (const { textType } of trees) {
      this.#byType.set(textType, { files: 0, external: 0, media: new Map(), pages: new Map() });
    }
  }

  addFile(textType: string): void {
    this.#of(textType).files++;
  }

  missing(kind: "media" | "pages", textType: string, wanted: WantedBy, text: string): void {
    const known = this.#of(textType)[kind];
    const key = `${wanted.page}\n${wanted.url}`;
    if (known.has(key)) return;
    known.set(key, wanted);
    this.note(text, wanted.page);
  }

  externalLink(textType: string, page: string): void {
    this.#of(textType).external++;
    this.note(`${textType}: links to pages that are not in this bundle stay as they are`, page);
  }

  /** One line for the same text, with the first page that it holds for and the number of the others. */
  note(text: string, page: string): void {
    const note = this.#notes.get(text);
    if (note === undefined) this.#notes.set(text, { text, page, pages: 1 });
    else if (note.page !== page) note.pages++;
  }

  warnings(): string[] {
    return Array.from(
      this.#notes.values(),
      ({ text, page, pages }) => `${text} (${page}${pages > 1 ? ` and ${pages - 1} more` : ""})`,
    );
  }

  textTypes(): Record<string, TextTypeResult> {
    const results: Record<string, TextTypeResult> = {};
    for (const [textType, { files, external, media, pages }] of this.#byType) {
      results[textType] = {
        files,
        missing_media: [...media.values()],
        missing_pages: [...pages.values()],
        external_links: external,
      };
    }
    return results;
  }

  #of(textType: string): Counts {
    const counts = this.#byType.get(textType);
    if (counts === undefined) throw new RangeError(`no tree of text type ${textType}`);
    return counts;
  }
}
