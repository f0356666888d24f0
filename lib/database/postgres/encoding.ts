/** Names that PostgreSQL's programs print in the encoding of a database. */

/** Labels of the WHATWG encoding standard for PostgreSQL's encodings; those absent are read as UTF-8. */
const LABELS: Readonly<Record<string, string>> = {
  EUC_CN: "gbk",
  EUC_JP: "euc-jp",
  EUC_KR: "euc-kr",
  ISO_8859_5: "iso-8859-5",
  ISO_8859_6: "iso-8859-6",
  ISO_8859_7: "iso-8859-7",
  ISO_8859_8: "iso-8859-8",
  KOI8R: "koi8-r",
  KOI8U: "koi8-u",
  LATIN2: "iso-8859-2",
  LATIN3: "iso-8859-3",
  LATIN4: "iso-8859-4",
  LATIN5: "windows-1254",
  LATIN6: "iso-8859-10",
  LATIN7: "iso-8859-13",
  LATIN8: "iso-8859-14",
  LATIN9: "iso-8859-15",
  LATIN10: "iso-8859-16",
  WIN866: "ibm866",
  WIN874: "windows-874",
  WIN1250: "windows-1250",
  WIN1251: "windows-1251",
  WIN1252: "windows-1252",
  WIN1253: "windows-1253",
  WIN1254: "windows-1254",
  WIN1255: "windows-1255",
  WIN1256: "windows-1256",
  WIN1257: "windows-1257",
  WIN1258: "windows-1258",
};

/** Decodes a name of one character a byte. Bytes that its encoding does not know stay as they are. */
export function decodeName(bytes: string, encoding: string): string {
  if (encoding === "LATIN1" || !/[^\0-\x7f]/.test(bytes)) return bytes;
  try {
    return new TextDecoder(LABELS[encoding] ?? "utf-8", { fatal: true }).decode(Buffer.from(bytes, "latin1"));
  } catch {
    return bytes;
  }
}

/** Checks whether a name, a character a byte, can be written in a UTF-8 query. */
export function isTypable(bytes: string, encoding: string): boolean {
  return encoding !== "SQL_ASCII" || Buffer.from(Buffer.from(bytes, "latin1").toString()).toString("latin1") === bytes;
}
