/** Writes CSV (RFC 4180), a line at a time. */

/** Returns a line of these values; null is an empty field. */
export const csvLine = (values: readonly (string | number | null)[]): string =>
  `${values.map((value) => field(String(value ?? ""))).join(",")}\n`;

const field = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
