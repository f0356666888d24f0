/**
 * Large values, exported in files of their own: the tag in the row, and the file's path. docs/portable.md, "Large
 * values".
 */
import * as z from "zod";
import type { Column } from "../schema/tables.ts";

/** The size in bytes above which a value is exported in a file of its own. */
export const LARGE = 8 * 1024 * 1024;

/** The directory of large values in an export; the sha256 of its bytes names each file. */
export const BLOBS = "blobs";

const tagSchema = z.strictObject({
  $: z.literal("blob"),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.number().int().nonnegative(),
  /** The type of the value, if its column is of another kind (SQLite). */
  as: z.enum(["text", "bytes"]).optional(),
});

/** The tag that replaces a large value in a row. For text, size and digest are those of its UTF-8. */
export type LargeTag = Readonly<z.infer<typeof tagSchema>>;

/** Recognizes a large value by its tag; `readTag` validates the rest. */
export const isLarge = (cell: unknown): cell is LargeTag =>
  typeof cell === "object" && cell !== null && "$" in cell && cell.$ === "blob";

/** Validates a tag; returns undefined for an invalid one. */
export const readTag = (cell: LargeTag): LargeTag | undefined => tagSchema.safeParse(cell).data;

/** Returns the path of a large value, relative to the export. */
export const blobPath = (sha256: string): string => `${BLOBS}/${sha256}`;

/** A value that is read separately from its row. */
export interface LargeValue {
  readonly column: Column;
  /** The size in bytes; for text, of its UTF-8. */
  readonly bytes: number;
  readonly is: "text" | "bytes";
}
