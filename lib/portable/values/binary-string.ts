/**
 * Represents text as the bytes of its UTF-8, one character a byte, for exported rows. The length of such a string is
 * its bytes, it is written without encoding, and JSON leaves everything but ASCII in it unchanged.
 */
import type { Cell } from "../engine/session.ts";

/** A value to be exported: texts are bytes. */
export type ByteCell = Cell;
export type ByteRow = readonly ByteCell[];

// oxlint-disable-next-line no-control-regex -- matches ASCII, control characters included
const BEYOND_ASCII = /[^\0-\x7f]/;

export const toBytes = (text: string): string =>
  BEYOND_ASCII.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;

export const fromBytes = (bytes: string): string =>
  BEYOND_ASCII.test(bytes) ? Buffer.from(bytes, "latin1").toString("utf8") : bytes;

/** Converts a row as connections return it. */
export const rowToBytes = (row: readonly Cell[]): ByteRow =>
  row.map((cell) => (typeof cell === "string" ? toBytes(cell) : cell));

// oxlint-disable-next-line no-control-regex -- JSON has no control characters
const ESCAPED = /["\\\0-\x1f]/;

/** Formats bytes as a JSON string. */
export const quoteBytes = (bytes: string): string => (ESCAPED.test(bytes) ? JSON.stringify(bytes) : `"${bytes}"`);
