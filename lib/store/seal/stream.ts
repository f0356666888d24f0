/** Seals a stream of content into a new file. */
import { createHash } from "node:crypto";
import { open, rm, type FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { Written } from "../../archive/output.ts";
import { asHoldfastError } from "../../errors.ts";
import { startCommand } from "../../exec/command.ts";
import type { Seal } from "../../model/seal.ts";
import { sealedName } from "./names.ts";
import { sealCommand, sealingError } from "./program.ts";

/**
 * Writes content, through the program of `seal` if there is one, into an open file and syncs it; closes the file.
 * Throws `E_SEAL`, `E_NO_SPACE`, and what the source throws.
 */
export async function writeContent(
  source: AsyncIterable<Uint8Array>,
  file: FileHandle,
  { seal, signal }: { readonly seal: Seal | undefined; readonly signal: AbortSignal },
): Promise<Written> {
  const content = meter();
  if (seal === undefined) {
    await pipeline(source, content.count, file.createWriteStream({ flush: true }), { signal });
    return content.finish();
  }
  const stored = meter();
  const command = startCommand(sealCommand(seal), { signal, code: "E_SEAL" });
  const [fed, taken, ended] = await Promise.allSettled([
    pipeline(source, content.count, command.stdin, { signal }),
    pipeline(command.stdout, stored.count, file.createWriteStream({ flush: true }), { signal }),
    command.done,
  ]);
  signal.throwIfAborted();
  // A program that failed closes its input: its own words say more.
  if (taken.status === "rejected") throw taken.reason;
  if (ended.status === "rejected") throw sealingError(ended.reason);
  if (fed.status === "rejected") throw fed.reason;
  return { ...stored.finish(), plain: content.finish() };
}

/** Counts and hashes what passes. */
function meter() {
  const hash = createHash("sha256");
  let size = 0;
  return {
    count: async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        hash.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    },
    finish: () => ({ size, sha256: hash.digest("hex") }),
  };
}

/**
 * Seals content into a new file, `target` with the suffix of the program; the source is opened once there is a file.
 * Removes what it wrote when it fails.
 */
export async function sealContent(
  source: () => AsyncIterable<Uint8Array>,
  target: string,
  seal: Seal,
  signal: AbortSignal,
): Promise<Written> {
  const name = sealedName(target, seal);
  const file = await open(name, "wx", 0o640).catch((error: unknown) => {
    throw asHoldfastError(error, "E_IO");
  });
  try {
    await file.chmod(0o640);
    return await writeContent(source(), file, { seal, signal });
  } catch (error) {
    await rm(name, { force: true });
    throw asHoldfastError(error, "E_IO");
  } finally {
    await file.close().catch(() => {}); // the stream has closed it already, unless it failed early
  }
}
