/** Words of commands that people paste into a shell. */

/** Returns a text as one word of bash: as it is where it is plain, else as `$'…'`. */
export const shellQuote = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : shellQuoteBytes(Buffer.from(text, "utf8"));

/** Returns bytes as one word of bash: `$'…'`, with every byte that is not plain as an escape. */
export function shellQuoteBytes(bytes: Buffer): string {
  const inner = Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    return /[\w @%+=:,./~()-]/.test(character) ? character : `\\x${byte.toString(16).padStart(2, "0")}`;
  });
  return `$'${inner.join("")}'`;
}
