/**
 * The extended attributes of a zip's entries, which a zip cannot hold: `NAME.xattrs.jsonl` beside `NAME.zip`, a JSON
 * document a line. Paths and names are escaped as setfattr reads them; values are hexadecimal:
 * `{"file": "a/b", "xattrs": {"user.comment": "0x6869"}}`. The top of the archive is `.`.
 */
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import * as z from "zod";
import { HoldfastError } from "../../errors.ts";
import type { BytePath, Xattrs } from "../entry.ts";
import { readLines } from "../files/lines.ts";
import { MOST_LINE, parseJson } from "../limits.ts";
import { bytesOf, toOctal, hex, fromOctal } from "./dump.ts";
import { isKept } from "./names.ts";

const lineSchema = z.object({
  file: z.string(),
  xattrs: z.record(z.string(), z.string().regex(/^0x([0-9a-f]{2})*$/)),
});
const BATCH = 64 * 1024;

/** Returns the path of a zip's sidecar. */
export const sidecarOf = (archive: string): string => archive.replace(/\.zip$/, ".xattrs.jsonl");

/** Writes a sidecar; there is no file until the first entry has attributes. */
export class SidecarWriter {
  readonly #path: string;
  #file: number | undefined;
  #exists = false;
  #pending = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** True when an entry had attributes. */
  get exists(): boolean {
    return this.#exists;
  }

  add(path: BytePath, xattrs: Xattrs): void {
    this.#file ??= openSync(this.#path, "w", 0o640);
    this.#exists = true;
    const values = Object.fromEntries([...xattrs].map(([name, value]) => [toOctal(name), hex(value)]));
    this.#pending += `${JSON.stringify({ file: path === "" ? "." : toOctal(path), xattrs: values })}\n`;
    if (this.#pending.length >= BATCH) this.#flush(this.#file);
  }

  close(): void {
    if (this.#file === undefined) return;
    this.#flush(this.#file);
    closeSync(this.#file);
    this.#file = undefined;
  }

  /** Removes what was written. */
  discard(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    if (this.#exists) rmSync(this.#path, { force: true });
  }

  #flush(file: number): void {
    writeSync(file, this.#pending);
    this.#pending = "";
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
