/**
 * Text as the bytes of its UTF-8, one character a byte: what rows are made of on their way out. Such strings have their length in bytes, are written
 * without being encoded, and JSON leaves all but ASCII in them as it is.
 */
import type { Cell } from "../connection.ts";

/** A value on its way out: texts are bytes. */
export type ByteCell = Cell;
export type ByteRow = readonly ByteCell[];

// oxlint-disable-next-line no-control-regex -- that is what it asks
const BEYOND_ASCII = /[^\0-\x7f]/;

export const toBytes = (text: string): string =>
  BEYOND_ASCII.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;

export const fromBytes = (bytes: string): string =>
  BEYOND_ASCII.test(bytes) ? Buffer.from(bytes, "latin1").toString("utf8") : bytes;

/** A row as connections give it. */
export const rowToBytes = (row: readonly Cell[]): ByteRow =>
  row.map((cell) => (typeof cell === "string" ? toBytes(cell) : cell));

// oxlint-disable-next-line no-control-regex -- JSON has no control characters
const ESCAPED = /["\\\0-\x1f]/;

/** A string of JSON. */
export const quoteBytes = (bytes: string): string => (ESCAPED.test(bytes) ? JSON.stringify(bytes) : `"${bytes}"`);
