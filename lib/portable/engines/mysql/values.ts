/** Values of MySQL and MariaDB: https://dev.mysql.com/doc/refman/8.4/en/data-types.html */
import type { ValueRules } from "../../engine/value-rules.ts";
import { integerOf, textOf } from "../../values/decode.ts";
import { isGeometryType } from "../../values/kind-conversion.ts";
import { mismatch } from "../../values/mismatch.ts";
import { quickServerDecoder, serverText } from "../../values/server-columns.ts";

export const values: ValueRules = {
  isDynamicallyTyped: false,
  hasTimes: true,
  hasZeroDates: true,
  hasBinaryDigits: false,
  hasEmptyEnums: true,
  hasInvalidText: false,
  hasNul: true,
  bytesOf: (cell) => cell,
  decodeInteger: ({ native }, value) => {
    if (!/^year\b/i.test(native)) return String(value);
    if (value !== 0n && (value < 1901n || value > 2155n)) throw mismatch("a year from 1901 to 2155", String(value));
    return String(value).padStart(4, "0"); // '0' would be read as 2000
  },
  decodeNumber: (_column, value) => String(value),
  // A boolean is a tinyint.
  decodeBoolean: (column, truth, value) =>
    truth === undefined ? String(integerOf({ ...column, length: 8 }, value)) : truth ? "1" : "0",
  // The server would pad bytes that are shorter than a fixed length.
  decodeBytes: ({ native, length }, bytes) => {
    if (/^binary\b/i.test(native) && length !== undefined && bytes.length !== length)
      throw mismatch(`${length} bytes`, `${bytes.length}`);
    return bytes;
  },
  decodeText: (column, value) => serverText(column, textOf(value)),
  decodeTagged: (column, { $, v = "" }) =>
    $ === "bytes" && column.kind !== "bytes" && isGeometryType(column) ? Buffer.from(v, "base64") : undefined,
  quickDecoder: quickServerDecoder,
};
