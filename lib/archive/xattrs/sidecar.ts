/**
 * The extended attributes of a zip's entries, which a zip cannot hold: `NAME.xattrs.jsonl` beside `NAME.zip`, a JSON
 * document a line. Paths and names are escaped as setfattr reads them; values are hexadecimal:
 * `{"file": "a/b", "xattrs": {"user.comment": "0x6869"}}`. The top of the archive is `.`.
 */
import * as z from "zod";
import { HoldfastError } from "../../errors.ts";
import type { BytePath, Xattrs } from "../entry.ts";
import type { ArchiveOutput } from "../output.ts";
import { readLines } from "../files/lines.ts";
import { MOST_LINE, parseJson } from "../limits.ts";
import { bytesOf, toOctal, hex, fromOctal } from "./dump.ts";
import { isKept } from "./names.ts";

const lineSchema = z.object({
  file: z.string(),
  xattrs: z.record(z.string(), z.string().regex(/^0x([0-9a-f]{2})*$/)),
});

/** Returns the path of a zip's sidecar. */
export const sidecarOf = (archive: string): string => archive.replace(/\.zip$/, ".xattrs.jsonl");

/** Writes a sidecar; there is no file until the first entry has attributes. */
export class SidecarWriter {
  readonly #open: () => ArchiveOutput;
  #output: ArchiveOutput | undefined;

  constructor(open: () => ArchiveOutput) {
    this.#open = open;
  }

  /** The file; null until an entry has attributes. */
  get path(): string | null {
    return this.#output?.path ?? null;
  }

  add(path: BytePath, xattrs: Xattrs): void {
    this.#output ??= this.#open();
    const values = Object.fromEntries([...xattrs].map(([name, value]) => [toOctal(name), hex(value)]));
    const line = `${JSON.stringify({ file: path === "" ? "." : toOctal(path), xattrs: values })}\n`;
    this.#output.write(Buffer.from(line));
  }

  async close(): Promise<void> {
    await this.#output?.finish();
  }

  /** Removes what was written. */
  discard(): void {
    this.#output?.discard();
  }
}

/** Reads a sidecar into attributes by path. Throws `E_ARCHIVE` for a line that is not one. */
export function readSidecar(file: string): Map<BytePath, Xattrs> {
  const found = new Map<BytePath, Xattrs>();
  for (const line of readLines(file, MOST_LINE, "E_ARCHIVE")) {
    const { file: path, xattrs } = parsed(line, file);
    const kept = Object.entries(xattrs)
      .map(([name, value]): [string, Buffer] => [fromOctal(name), bytesOf(value)])
      .filter(([name]) => isKept(name));
    found.set(path === "." ? "" : fromOctal(path), new Map(kept));
  }
  return found;
}

function parsed(line: string, file: string): z.infer<typeof lineSchema> {
  try {
    return lineSchema.parse(parseJson(line));
  } catch (error) {
    throw new HoldfastError("E_ARCHIVE", `${file} has a line that is not one of extended attributes`, { cause: error });
  }
}
