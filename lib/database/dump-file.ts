/** Writing a dump: private, hashed on the way, on the disk before it is called done, and gone when it failed. */
import { open, rm } from "node:fs/promises";
import { HoldfastError, asHoldfastError } from "../errors.ts";
import type { Artifact } from "../model/unit.ts";
import { writeContent } from "../store/seal/stream.ts";
import type { Seal } from "../model/seal.ts";
import { sealedName } from "../store/seal/names.ts";

/** A dump as it is stored, and its content where that is sealed. */
export type WrittenDump = Pick<Artifact, "size_bytes" | "sha256" | "plain">;

/**
 * Creates `path` (mode 0640; it must not exist), or with `seal` that name with the suffix of its program, fills it from
 * `source` and syncs it, then runs `check` with the size of the content. When anything of that fails the file is removed
 * again and the error thrown: `E_NO_SPACE`, `E_INTERRUPTED`, `E_SEAL`, what `source` or `check` threw, else `E_DUMP`.
 */
export async function writeDump(
  path: string,
  source: AsyncIterable<Uint8Array>,
  options: {
    readonly signal: AbortSignal;
    readonly onBytes: (bytes: number) => void;
    readonly seal: Seal | undefined;
    readonly check: (size: number) => Promise<void>;
  },
): Promise<WrittenDump> {
  const { seal, signal } = options;
  const name = sealedName(path, seal);
  let size = 0;
  const count = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      size += chunk.length;
      yield chunk;
      options.onBytes(size);
    }
  };
  const file = await open(name, "wx", 0o640).catch((error: unknown) => {
    throw asHoldfastError(error, "E_IO");
  });
  try {
    await file.chmod(0o640);
    const written = await writeContent(count(source), file, { seal, signal });
    if (size === 0) throw new HoldfastError("E_DUMP", "the dump is empty");
    await options.check(size);
    const { plain } = written;
    return {
      size_bytes: written.size,
      sha256: written.sha256,
      ...(plain === undefined ? {} : { plain: { size_bytes: plain.size, sha256: plain.sha256 } }),
    };
  } catch (error) {
    await rm(name, { force: true });
    throw asHoldfastError(error, "E_DUMP");
  } finally {
    await file.close().catch(() => {}); // the stream has closed it already, unless it failed early
  }
}
