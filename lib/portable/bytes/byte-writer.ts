/** A buffer that grows while bytes are appended. */

/** The number of bytes from which a native copy is faster than a loop. */
const MANY = 256;

export class ByteWriter {
  /** The buffer; bytes from `length` on are unused. */
  bytes: Buffer;
  length = 0;

  constructor(bytes: Buffer = Buffer.allocUnsafeSlow(4096)) {
    this.bytes = bytes;
  }

  /** The bytes written, valid until more are. */
  get written(): Uint8Array {
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset, this.length);
  }

  byte(byte: number): void {
    this.reserve(1);
    this.bytes[this.length++] = byte;
  }

  /** Appends ASCII. */
  ascii(text: string): void {
    this.reserve(text.length);
    const { bytes } = this;
    let at = this.length;
    for (let index = 0; index < text.length; index++) bytes[at++] = text.charCodeAt(index);
    this.length = at;
  }

  text(text: string): void {
    this.reserve(3 * text.length);
    this.length += this.bytes.write(text, this.length);
  }

  /** Appends bytes, one character each. */
  latin1(text: string): void {
    this.reserve(text.length);
    this.length += this.bytes.write(text, this.length, "latin1");
  }

  /** Appends the bytes of `source` from `from` up to `to`; `source` may be this writer's own buffer. */
  copy(source: Buffer, from: number, to: number): void {
    this.reserve(to - from);
    const { bytes } = this;
    if (to - from >= MANY) {
      source.copy(bytes, this.length, from, to);
      this.length += to - from;
      return;
    }
    let at = this.length;
    for (let index = from; index < to; index++) bytes[at++] = source[index] ?? 0;
    this.length = at;
  }

  /** Returns the bytes as UTF-8. */
  toString(): string {
    return this.bytes.toString("utf8", 0, this.length);
  }

  /** Inserts the number of the bytes since `from`, and a colon, in front of them. */
  prefixLength(from: number): void {
    const prefix = `${this.length - from}:`;
    this.reserve(prefix.length);
    this.bytes.copyWithin(from + prefix.length, from, this.length);
    const end = this.length + prefix.length;
    this.length = from;
    this.ascii(prefix);
    this.length = end;
  }

  /** Makes room for more bytes. */
  reserve(count: number): void {
    if (this.length + count > this.bytes.length) this.#grow(count);
  }

  #grow(count: number): void {
    const larger = Buffer.allocUnsafeSlow(2 * (this.length + count));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}
