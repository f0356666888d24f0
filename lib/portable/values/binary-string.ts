/** Represents text as the bytes of its UTF-8, one character a byte. The length of such a string is its bytes. */

// oxlint-disable-next-line no-control-regex -- matches ASCII, control characters included
const BEYOND_ASCII = /[^\0-\x7f]/;

export const toBytes = (text: string): string =>
  BEYOND_ASCII.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;

export const fromBytes = (bytes: string): string =>
  BEYOND_ASCII.test(bytes) ? Buffer.from(bytes, "latin1").toString("utf8") : bytes;
