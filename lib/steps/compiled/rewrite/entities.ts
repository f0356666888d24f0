/** Decodes the entities of HTML and XML. */
import { decodeHTMLAttribute, decodeXML } from "entities/decode";
import type { Piece } from "./decoded.ts";

const ENTITY = /&(?:#x[0-9a-f]+|#\d+|[a-z][a-z0-9]*);?=?/gi;

/**
 * Returns `source[from, to)` with its entities decoded, by the rules of attributes, which are also those of text in
 * XML.
 */
export function decodeEntities(source: string, from: number, to: number, xml: boolean): Piece[] {
  const text = source.slice(from, to);
  if (!text.includes("&")) return [{ from, to }];
  const pieces: Piece[] = [];
  let done = from;
  for (const { 0: entity, index } of text.matchAll(ENTITY)) {
    // In HTML an equals sign after a name without a semicolon means that it is no entity.
    const decoded = xml ? decodeXML(entity) : decodeHTMLAttribute(entity);
    if (decoded === entity) continue;
    const start = from + index;
    const end = start + entity.replace(/=$/, "").length;
    pieces.push({ from: done, to: start });
    for (const character of decoded.slice(0, decoded.length - (start + entity.length - end))) {
      pieces.push({ from: start, to: end, codePoint: character.codePointAt(0) ?? 0 });
    }
    done = end;
  }
  return [...pieces, { from: done, to }];
}
