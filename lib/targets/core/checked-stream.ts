/** Streams of files whose digest is known. */
import { createHash } from "node:crypto";
import { Transform } from "node:stream";
import { HoldfastError } from "../../errors.ts";

/** Passes a whole file on, and ends in `E_VERIFY` if it did not have its digest. `what` names it in the error. */
export function checkedStream(sha256: string, what: string): Transform {
  const hash = createHash("sha256");
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      const found = hash.digest("hex");
      done(
        found === sha256
          ? null
          : new HoldfastError("E_VERIFY", `${what} has the sha256 ${found}, and was recorded with ${sha256}`),
      );
    },
  });
}
