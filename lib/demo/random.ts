/** Numbers that look random and are the same on every host: the demo site is made of them. */

/** Gives the next number in [0, 1). */
export type Random = () => number;

/** A generator of its own for each `seed` (FNV-1a of the seed into mulberry32; both are public domain). */
export function seeded(seed: string): Random {
  let state = 0x811c9dc5;
  for (let index = 0; index < seed.length; index++) state = Math.imul(state ^ seed.charCodeAt(index), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from 0 up to, not including, `limit`. */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

const ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** `length` letters and digits, as tokens and keys have them. */
export function letters(random: Random, length: number, alphabet = ALPHANUMERIC): string {
  return Array.from({ length }, () => alphabet[below(random, alphabet.length)]).join("");
}
