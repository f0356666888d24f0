/** Rewrites one document: replaces its references and nothing else, byte for byte. */
import type { BytePath } from "../../../archive/entry.ts";
import type { Findings, Reference } from "./references.ts";
import { cssReferences } from "./css.ts";
import { Hint } from "./hits.ts";
import { htmlReferences, type HtmlFindings } from "./html.ts";
import { scriptFileReferences } from "./script.ts";
import { decodePercent, encodePath, type UrlTemplate } from "./url-template.ts";

/** The kind of a file with references, by its name. `script` files are read and never rewritten. */
export type DocumentKind = "html" | "xml" | "css" | "script";

const KINDS: Readonly<Record<string, DocumentKind>> = {
  html: "html",
  htm: "html",
  xhtml: "xml",
  xht: "xml",
  svg: "xml",
  css: "css",
  js: "script",
  mjs: "script",
};

export function documentKind(name: BytePath): DocumentKind | undefined {
  const extension = /\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase();
  return extension === undefined ? undefined : KINDS[extension];
}

/** The target of a reference in the bundle; undefined if it stays unchanged. */
export interface Target {
  /** The path in the bundle. */
  readonly path: BytePath;
  /** Keeps a query after the path; on disk it has no meaning for media. */
  readonly keepQuery: boolean;
}

export interface Rewritten {
  /** The new text, or null when nothing changed. */
  readonly text: string | null;
  readonly unresolved: readonly string[];
  /** True when the page's `<base>` led away from the bundle and was replaced. */
  readonly baseReplaced: boolean;
}

/** Rewrites documents by the templates of one request. */
export class Rewriter {
  readonly #templates: readonly UrlTemplate[];
  readonly #hint: Hint;

  constructor(templates: readonly UrlTemplate[]) {
    this.#templates = templates;
    this.#hint = new Hint(templates);
  }

  /** False only where no reference can be. */
  mayRefer(text: string): boolean {
    return this.#hint.mayRefer(text);
  }

  /**
   * `source` is the document as `latin1`, `path` its place in the bundle. Every reference is shown to `localise`; what
   * that gives is written relative to the page, percent-encoded so that it needs no escaping where it stands.
   */
  rewrite(
    source: string,
    kind: DocumentKind,
    path: BytePath,
    localise: (reference: Reference) => Target | undefined,
  ): Rewritten {
    const { references, unresolved, base }: HtmlFindings = this.#find(source, kind);
    const directory = directoryOf(path);
    const start = base === undefined ? directory : resolveBase(directory, base.href);
    const edits: Edit[] = [];
    for (const reference of references) {
      const target = localise(reference);
      if (target === undefined) continue;
      const to = target.keepQuery ? reference.pathEnd : reference.queryEnd;
      edits.push({ from: reference.from, to, text: encodePath(relative(start ?? directory, target.path)) });
    }
    const baseReplaced = base !== undefined && start === undefined && edits.length > 0;
    if (baseReplaced) edits.push({ from: base.from, to: base.to, text: "./" });
    return { text: edits.length === 0 ? null : apply(source, edits), unresolved, baseReplaced };
  }

  #find(source: string, kind: DocumentKind): Findings {
    if (!this.mayRefer(source)) return { references: [], unresolved: [] };
    if (kind === "css") return cssReferences(source, this.#templates);
    if (kind === "script") return scriptFileReferences(source, this.#templates);
    return htmlReferences(source, this.#templates, { xml: kind === "xml", hint: this.#hint });
  }
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

function apply(source: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let done = 0;
  for (const { from, to, text } of edits.toSorted((a, b) => a.from - b.from)) {
    parts.push(source.slice(done, from), text);
    done = to;
  }
  return parts.join("") + source.slice(done);
}

const directoryOf = (path: BytePath): BytePath => path.slice(0, Math.max(path.lastIndexOf("/"), 0));

/** The directory in the bundle that a `<base href>` names; undefined when it leads out of the bundle. */
function resolveBase(directory: BytePath, href: string): BytePath | undefined {
  if (/^(?:[a-z][a-z0-9+.-]*:|\/|\\)/i.test(href)) return undefined;
  const path = href.replace(/[?#].*$/s, "");
  const segments = directory.split("/").filter((segment) => segment !== "");
  for (const segment of decodePercent(path.slice(0, path.lastIndexOf("/") + 1)).split("/")) {
    if (segment === ".." && segments.pop() === undefined) return undefined;
    if (segment !== "" && segment !== "." && segment !== "..") segments.push(segment);
  }
  return segments.join("/");
}

/** Returns the relative path from a directory of the bundle to one of its files. */
function relative(directory: BytePath, path: BytePath): BytePath {
  const from = directory === "" ? [] : directory.split("/");
  const to = path.split("/");
  let shared = 0;
  while (shared < from.length && shared < to.length - 1 && from[shared] === to[shared]) shared++;
  return [...from.slice(shared).map(() => ".."), ...to.slice(shared)].join("/");
}
