/** The text form of getfattr and setfattr (attr, "dump format"): a block for each file, values in hexadecimal. */
import type { BytePath, Xattrs } from "../entry.ts";

const FILE = "# file: ";

/** Returns the block of a file. Bytes that are not printable ASCII are escaped in octal, as setfattr reads them. */
export const dumpBlock = (path: BytePath, xattrs: Xattrs): string =>
  `${FILE}${toOctal(path)}\n${[...xattrs].map(([name, value]) => `${toOctal(name)}=${hex(value)}\n`).join("")}\n`;

/** Parses the lines of a dump, which are bytes (`latin1`), into files and their attributes. */
export class DumpParser {
  readonly #take: (path: BytePath, xattrs: Xattrs) => void;
  #path: BytePath | undefined;
  #xattrs = new Map<string, Buffer>();

  constructor(take: (path: BytePath, xattrs: Xattrs) => void) {
    this.#take = take;
  }

  line(line: string): void {
    if (line.startsWith(FILE)) {
      this.end();
      this.#path = fromOctal(line.slice(FILE.length));
      return;
    }
    const equals = line.indexOf("=");
    if (equals > 0) this.#xattrs.set(fromOctal(line.slice(0, equals)), bytesOf(line.slice(equals + 1)));
  }

  /** Ends the last file. */
  end(): void {
    if (this.#path !== undefined && this.#xattrs.size > 0) this.#take(this.#path, this.#xattrs);
    this.#path = undefined;
    this.#xattrs = new Map();
  }
}

export const hex = (value: Buffer): string => `0x${value.toString("hex")}`;

export const bytesOf = (text: string): Buffer => Buffer.from(text.replace(/^0x/, ""), "hex");

export const toOctal = (bytes: string): string =>
  bytes.replaceAll(/[^\x20-\x7e]|[\\=]/g, (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, "0")}`);

export const fromOctal = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8) & 0xff));
