/** The rules by which an engine prints and reads values. values/ has what all engines share. */
import type { JsonValue, Tagged } from "../format/value.ts";
import type { Column } from "../schema/tables.ts";
import type { Cell } from "./session.ts";

/** Decodes an exported value for one column. Throws `E_IMPORT`, in words that follow the column's name. */
export type Decoder = (value: JsonValue) => Cell;

/** A value of JSON that is neither NULL nor tagged. */
export type PlainValue = boolean | number | string;

export interface ValueRules {
  /** True if a column holds values of any type, as in SQLite. */
  readonly isDynamicallyTyped: boolean;
  /** True if the engine has times of its own; false if they are text in the application's notation. */
  readonly hasTimes: boolean;
  /** True if the engine accepts dates such as 0000-00-00. */
  readonly hasZeroDates: boolean;
  /** True if bits are printed and read as binary digits, not as a number. */
  readonly hasBinaryDigits: boolean;
  /** True if an enum may hold `''` without having such a label: MySQL's index 0, for an invalid value. */
  readonly hasEmptyEnums: boolean;
  /** True if text may contain bytes that are not valid UTF-8. */
  readonly hasInvalidText: boolean;
  /** True if text may contain the NUL character. */
  readonly hasNul: boolean;
  /** Returns the bytes that `streamBytes` returned in the engine's own notation. */
  bytesOf(cell: Cell): Cell;
  /** Converts an integer in the column's range. */
  decodeInteger(column: Column, value: bigint): Cell;
  /** Converts a number for a float or decimal column. */
  decodeNumber(column: Column, value: number | string): Cell;
  /** Converts a boolean; `truth` is undefined if the value is not true, false, 1 or 0. */
  decodeBoolean(column: Column, truth: boolean | undefined, value: PlainValue): Cell;
  decodeBytes(column: Column, bytes: Buffer): Buffer;
  /** Converts text, and the values of all kinds without a rule of their own. */
  decodeText(column: Column, value: PlainValue): Cell;
  /** Converts a tagged value; undefined if the engine has no representation of its own for it. */
  decodeTagged(column: Column, value: Tagged): Cell | undefined;
  /** Returns a quicker decoder with the results of `decode`, or `decode` itself. */
  quickDecoder(column: Column, decode: Decoder): Decoder;
}
