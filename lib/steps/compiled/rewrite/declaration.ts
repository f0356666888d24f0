/** Reads what begins with `<!` or `<?`: comments, CDATA sections, declarations and instructions. */

export interface Declaration {
  /** `text`: a construct of XML without an end. `nothing`: skipped. */
  readonly kind: "comment" | "cdata" | "text" | "nothing";
  readonly from: number;
  readonly to: number;
  /** Where the source goes on. */
  readonly next: number;
}

const CDATA = "[CDATA[";

/** Reads the construct whose `<` is at `at`. */
export function readDeclaration(source: string, at: number, xml: boolean): Declaration {
  const from = at + 2;
  if (source[at + 1] === "?") return xml ? until(source, "?>", from, from, "nothing") : bogus(source, at + 1);
  if (source.startsWith("--", from)) return comment(source, from + 2, xml);
  if (source.startsWith(CDATA, from)) return cdata(source, from, xml);
  // The first character of a declaration in XML is never its end, and neither is what follows a hyphen.
  if (xml) return until(source, ">", from, from + (source[from] === "-" ? 2 : 1), "nothing");
  if (/^doctype$/i.test(source.slice(from, from + 7))) {
    const end = source.indexOf(">", from);
    return { kind: "nothing", from, to: from, next: end === -1 ? source.length : end + 1 };
  }
  return bogus(source, from);
}

/** Reads up to `end`; without one, the rest is text. */
function until(source: string, end: string, from: number, search: number, kind: Declaration["kind"]): Declaration {
  const to = source.indexOf(end, search);
  return to === -1
    ? { kind: "text", from, to: source.length, next: source.length }
    : { kind, from, to, next: to + end.length };
}

/** Reads an unknown construct, which HTML treats as a comment. */
function bogus(source: string, from: number): Declaration {
  const end = source.indexOf(">", from);
  return end === -1
    ? { kind: "comment", from, to: source.length, next: source.length }
    : { kind: "comment", from, to: end, next: end + 1 };
}

const COMMENT_END = /--!?>/g;

function comment(source: string, from: number, xml: boolean): Declaration {
  const empty = xml ? null : /^-?>/.exec(source.slice(from, from + 2));
  if (empty !== null) return { kind: "comment", from, to: from, next: from + empty[0].length };
  COMMENT_END.lastIndex = from;
  const end = COMMENT_END.exec(source);
  if (end !== null) return { kind: "comment", from, to: end.index, next: end.index + end[0].length };
  const rest = xml ? null : /(?:--!|--?)$/.exec(source.slice(Math.max(from, source.length - 3)));
  return { kind: "comment", from, to: source.length - (rest?.[0].length ?? 0), next: source.length };
}

function cdata(source: string, from: number, xml: boolean): Declaration {
  const start = from + CDATA.length;
  const end = source.indexOf("]]>", start);
  if (end !== -1) return { kind: "cdata", from: start, to: end, next: end + 3 };
  return xml
    ? { kind: "cdata", from: start, to: source.length, next: source.length }
    : { kind: "comment", from, to: source.length, next: source.length };
}
