/** Reads an opening tag as browsers do. */

/** Receives an attribute with a value: its name, and the value without quotes, as ranges of the source. */
export type OnAttribute = (nameFrom: number, nameTo: number, from: number, to: number) => void;

export const EXCLAMATION = 0x21;
export const SLASH = 0x2f;
export const GREATER = 0x3e;
export const QUESTION = 0x3f;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const APOSTROPHE = 0x27;

export const isSpace = (code: number): boolean =>
  code === 0x20 || code === 0x0a || code === 0x09 || code === 0x0d || code === 0x0c;

/** Checks whether the name of a tag ends before this character. */
export const endsName = (code: number): boolean => code === GREATER || code === SLASH || isSpace(code);

/** Returns the end of a tag's name; the end of the source if nothing follows. */
export function nameEnd(source: string, from: number): number {
  let at = from;
  while (at < source.length && !endsName(source.charCodeAt(at))) at++;
  return at;
}

export interface TagEnd {
  /** The place of its `>`. */
  readonly at: number;
  readonly selfClosing: boolean;
}

/**
 * Reads the attributes after a tag's name; returns undefined if the source ends before the tag. Reports only values
 * that reach beyond `beyond`.
 */
export function readAttributes(
  source: string,
  from: number,
  beyond: number,
  onAttribute: OnAttribute,
): TagEnd | undefined {
  const { length } = source;
  let at = from;
  for (;;) {
    let slash = false;
    let code = source.charCodeAt(at);
    while (code === SLASH || isSpace(code)) {
      slash ||= code === SLASH;
      code = source.charCodeAt(++at);
    }
    if (code === GREATER) return { at, selfClosing: slash };
    const nameFrom = at;
    do code = source.charCodeAt(++at);
    while (at < length && code !== EQUALS && !endsName(code));
    const nameTo = at;
    while (isSpace(code)) code = source.charCodeAt(++at);
    if (code === EQUALS) {
      do code = source.charCodeAt(++at);
      while (isSpace(code));
      let valueFrom = at;
      if (code === QUOTE || code === APOSTROPHE) {
        valueFrom = at + 1;
        at = source.indexOf(code === QUOTE ? '"' : "'", valueFrom);
        if (at === -1) return undefined;
        if (at > beyond) onAttribute(nameFrom, nameTo, valueFrom, at);
        at++;
      } else {
        while (at < length && code !== GREATER && !isSpace(code)) code = source.charCodeAt(++at);
        if (at < length && at > beyond) onAttribute(nameFrom, nameTo, valueFrom, at);
      }
    }
    if (at >= length) return undefined;
  }
}
