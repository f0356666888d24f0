/** Values at the edges of their types, as every engine can hold them. */

export const TYPES = ["integer", "big", "decimal", "double", "boolean", "text", "bytes", "date", "time", "moment", "json", "uuid"] as const; // prettier-ignore
export type TypeName = (typeof TYPES)[number];

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_none, at) => at)).toString("hex");
const uuid = (digit: string): string =>
  `${digit.repeat(8)}-${digit.repeat(4)}-4${digit.repeat(3)}-8${digit.repeat(3)}-${digit.repeat(12)}`;

/** Text as it is; bytes in hexadecimal; all else as SQL writes it, without quotes. */
export const EDGES: Readonly<Record<TypeName, readonly string[]>> = {
  integer: ["0", "1", "-1", "2147483647", "-2147483648", "42", "7", "100"],
  big: ["0", "9223372036854775807", "-9223372036854775808", "9007199254740993", "-9007199254740993", "9007199254740991"],
  decimal: ["0.000000", "0.000001", "-0.000001", "123456789.012345", "-99999.500000", "1.100000"],
  double: ["0", "-0.0", "0.1", "1e308", "-1.7976931348623157e308", "2.2250738585072014e-308", "1e-300", "9007199254740993", "0.30000000000000004"],
  boolean: ["true", "false"],
  text: ["", " ", "trailing  ", "NULL", "\\N", "\\.", "it's", '"quoted"', "back\\slash", "tab\tnew\nline\r\n", "🎧", "e\u0301", "é", "\u200b", "{}", "a,b", "k".repeat(3000), "\u0001", "?", "\ufffd", "0", "1.50"],
  bytes: ["", "00", ALL_BYTES, "5c4e", "ff", "0a"],
  date: ["0001-01-01", "9999-12-31", "1970-01-01", "2024-02-29", "1582-10-10"],
  time: ["00:00:00", "23:59:59.999999", "12:00:00.5"],
  moment: ["0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "1969-12-31 23:59:59.000001", "2024-02-29 12:00:00.5"],
  json: ['{"a":1,"a":2}', "42", "[123456789012345678901234567890]", '"\\u00e9 é 🎧"', "null", "[]", '{"b": [1.50, {"c": null}], "a": "\\\\N"}', " [ 1 ] ", '{"__proto__":{"x":1}}', "[1e400]"],
  uuid: [..."0123456789abcdef"].map(uuid),
}; // prettier-ignore
