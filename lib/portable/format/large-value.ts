/** A value that travels in a file of its own: what stands for it in its row, and where it lies. docs/portable.md, "Large values". */
import * as z from "zod";
import type { Column } from "../schema/tables.ts";

/** Values of more bytes than this travel by themselves. */
export const LARGE = 8 * 1024 * 1024;

/** The directory of an export that holds them, each by the sha256 of its bytes. */
export const BLOBS = "blobs";

const tagSchema = z.strictObject({
  $: z.literal("blob"),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.number().int().nonnegative(),
  /** What it is, where its column is of another kind (SQLite). */
  as: z.enum(["text", "bytes"]).optional(),
});

/** What stands in a row for a large value; of a text the bytes are those of its UTF-8. */
export type LargeTag = Readonly<z.infer<typeof tagSchema>>;

/** Told by its tag alone: `readTag` looks at the rest. */
export const isLarge = (cell: unknown): cell is LargeTag =>
  typeof cell === "object" && cell !== null && "$" in cell && cell.$ === "blob";

/** Undefined for what is not as it should be. */
export const readTag = (cell: LargeTag): LargeTag | undefined => tagSchema.safeParse(cell).data;

/** Relative to the export. */
export const blobPath = (sha256: string): string => `${BLOBS}/${sha256}`;

/** A value that is read by itself. */
export interface LargeValue {
  readonly column: Column;
  /** Of its bytes; of a text, of its UTF-8. */
  readonly bytes: number;
  readonly is: "text" | "bytes";
}
