/** The forms of large values for a comparison of rows: a digest, computed piece by piece. */
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import path from "node:path";
import { digestCell } from "../../database/digest/table.ts";
import type { ValueRules } from "../engine/value-rules.ts";
import { HoldfastError } from "../../errors.ts";
import { blobPath, readTag, type LargeTag, type LargeValue } from "../format/large-value.ts";
import { fitLarge } from "../import/staging/size-limits.ts";
import type { Column } from "../schema/tables.ts";
import { formOf } from "../values/large-canonical-form.ts";

const PIECE = 256 * 1024;
const NO_LIMIT = { bytes: Number.POSITIVE_INFINITY, of: "" };

/** Returns the digest of a form, which is the same whether the value was read whole or in pieces. */
export const formDigest = (form: string | null): string | null =>
  form === null ? null : createHash("sha256").update(digestCell(form), "latin1").digest("hex");

interface Draft {
  add(piece: Buffer): void;
  finish(): string;
  abandon(): void;
}

/** Takes the large values of a database's rows, and keeps the digest of each form under a name for its tag. */
export class LargeForms {
  readonly #digests = new Map<string, string>();

  begin(value: LargeValue, where: string): Draft {
    const hash = createHash("sha256");
    const form = formOf(asHere(value), where, hash);
    return {
      add: (piece) => form.add(piece),
      finish: () => {
        form.finish();
        const name = String(this.#digests.size);
        this.#digests.set(name, hash.digest("hex"));
        return name;
      },
      abandon: () => {},
    };
  }

  /** Returns the digest that a tag of such a row names, and forgets it. */
  take({ sha256 }: LargeTag): string {
    const digest = this.#digests.get(sha256) ?? "";
    this.#digests.set(sha256, "");
    return digest;
  }
}

/**
 * Returns the digest of the form that a large value of an export would have in a column. Throws `E_IMPORT` if an
 * import would reject it, and `E_PACKAGE` for a damaged tag or file.
 */
export function writtenDigest(rules: ValueRules, directory: string, column: Column, cell: LargeTag): string {
  const tag = readTag(cell);
  if (tag === undefined) throw new HoldfastError("E_PACKAGE", `${column.name}: the tag of a large value is malformed`);
  const is = fitLarge(rules, column, tag, NO_LIMIT);
  const hash = createHash("sha256");
  const form = formOf(asHere({ column, bytes: tag.bytes, is }), column.name, hash);
  const raw = createHash("sha256");
  const fd = openSync(path.join(directory, blobPath(tag.sha256)), "r");
  try {
    const buffer = Buffer.allocUnsafe(PIECE);
    let size = 0;
    for (let count; size < tag.bytes && (count = readSync(fd, buffer, 0, PIECE, size)) > 0; size += count) {
      form.add(buffer.subarray(0, count));
      raw.update(buffer.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
  if (raw.digest("hex") !== tag.sha256)
    throw new HoldfastError("E_PACKAGE", `${blobPath(tag.sha256)}: does not match the checksum in its name`);
  form.finish();
  return hash.digest("hex");
}

/** Returns the value without the kind of the export: it is compared in the kind of its column here. */
function asHere({ column: { sourceKind: _sent, ...column }, ...value }: LargeValue): LargeValue {
  return { ...value, column };
}
