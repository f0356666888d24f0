/** Recognizes common forms of numbers and times; values of all others are read as text. */

const [MINUS, PLUS, DOT, ZERO] = [0x2d, 0x2b, 0x2e, 0x30];

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

/** Checks for an integer of at most 15 digits, in its shortest form. */
export function isSmallInteger(bytes: Buffer, from: number, to: number): boolean {
  const first = bytes[from] === MINUS ? from + 1 : from;
  const count = to - first;
  if (count < 1 || count > 15) return false;
  if (bytes[first] === ZERO) return count === 1 && first === from;
  return areDigits(bytes, first, to);
}

/**
 * Returns the end of a decimal without its trailing zeros, which is then in its shortest form. Returns -1 for anything
 * else: an exponent, leading zeros, a negative zero.
 */
export function decimalEnd(bytes: Buffer, from: number, to: number): number {
  const first = bytes[from] === MINUS ? from + 1 : from;
  let at = first;
  while (at < to && isDigit(bytes[at] ?? 0)) at++;
  if (at === first || (bytes[first] === ZERO && at > first + 1)) return -1;
  let end = at;
  if (at < to) {
    if (bytes[at] !== DOT || at + 1 === to || !areDigits(bytes, at + 1, to)) return -1;
    end = to;
    while (bytes[end - 1] === ZERO) end--;
    if (end === at + 1) end = at;
  }
  return first > from && bytes[first] === ZERO && end === first + 1 ? -1 : end;
}

const DATE = Buffer.from("0000-00-00");
const SECONDS = Buffer.from("0000-00-00 00:00:00");

/** Checks for a date like `2024-02-29`. */
export const isDate = (bytes: Buffer, from: number, to: number): boolean =>
  to - from === DATE.length && isLike(DATE, bytes, from);

/**
 * Returns the end of a time in UTC, `2024-02-29 23:59:59.5`, without the offset `+00` that may follow. Returns -1 for
 * anything else, and for trailing zeros.
 */
export function timeEnd(bytes: Buffer, from: number, to: number): number {
  const isZoned = bytes[to - 3] === PLUS && bytes[to - 2] === ZERO && bytes[to - 1] === ZERO;
  const end = isZoned ? to - 3 : to;
  const seconds = from + SECONDS.length;
  if (end < seconds || !isLike(SECONDS, bytes, from)) return -1;
  if (end === seconds) return end;
  const isFraction =
    bytes[seconds] === DOT && end > seconds + 1 && areDigits(bytes, seconds + 1, end) && bytes[end - 1] !== ZERO;
  return isFraction ? end : -1;
}

/** Compares with a pattern in which a zero stands for any digit. */
function isLike(pattern: Buffer, bytes: Buffer, from: number): boolean {
  for (let at = 0; at < pattern.length; at++) {
    const [byte = 0, wanted] = [bytes[from + at], pattern[at]];
    if (wanted === ZERO ? !isDigit(byte) : byte !== wanted) return false;
  }
  return true;
}

function areDigits(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (!isDigit(bytes[at] ?? 0)) return false;
  return true;
}
