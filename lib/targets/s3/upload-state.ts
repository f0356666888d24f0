/**
 * Unfinished uploads of a target: `<store>/.tmp/push/<target>/<sha256>.upload.json`, with what the server acknowledged. A
 * server may not list parts, or not let this side list them.
 */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { writeFileAtomic } from "../../store/files/atomic.ts";
import { formatJson, tryReadDocument } from "../../store/files/json-documents.ts";

const SUFFIX = ".upload.json";

const uploadSchema = z.object({
  key: z.string(),
  upload_id: z.string(),
  sha256: z.string(),
  size: z.number().int(),
  part_size: z.number().int(),
  started_at: z.iso.datetime(),
  locked_until: z.iso.datetime().nullable(),
  declares: z.boolean(),
  parts: z.array(z.object({ number: z.number().int(), etag: z.string(), size: z.number().int(), sha256: z.string() })),
});
export type Upload = z.infer<typeof uploadSchema>;

export class UploadStates {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Returns the unfinished upload of a content to a key, if there is one. */
  read(sha256: string, key: string): Upload | undefined {
    const found = tryReadDocument(this.#file(sha256), uploadSchema);
    return found?.key === key ? found : undefined;
  }

  async write(upload: Upload): Promise<void> {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    await writeFileAtomic(this.#file(upload.sha256), formatJson(upload), { mode: 0o600 });
  }

  remove(sha256: string): void {
    rmSync(this.#file(sha256), { force: true });
  }

  /** Lists the uploads that began before a time. */
  olderThan(time: Date): Upload[] {
    return this.#names()
      .map((name) => tryReadDocument(path.join(this.#directory, name), uploadSchema))
      .filter((upload) => upload !== undefined)
      .filter(({ started_at }) => new Date(started_at) < time);
  }

  #names(): string[] {
    try {
      return readdirSync(this.#directory).filter((name) => name.endsWith(SUFFIX));
    } catch {
      return []; // nothing was ever cut
    }
  }

  #file(sha256: string): string {
    return path.join(this.#directory, sha256 + SUFFIX);
  }
}
