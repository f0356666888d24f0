/** Streams of files whose digest is known. */
import { createHash } from "node:crypto";
import { Transform, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { HoldfastError } from "../../errors.ts";

/** Returns the stream; it ends in `E_VERIFY` unless it has the digest. `name` stands for it in the error. */
export function checked(input: Readable, name: string, sha256: string, signal: AbortSignal): Readable {
  const hash = createHash("sha256");
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done): void {
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done): void {
      const found = hash.digest("hex");
      const wrong = new HoldfastError("E_VERIFY", `${name} has the sha256 ${found}, not ${sha256}`);
      done(found === sha256 ? null : wrong);
    },
  });
  pipeline(input, check, { signal }).catch(() => {}); // whoever reads the stream gets the error
  return check;
}
