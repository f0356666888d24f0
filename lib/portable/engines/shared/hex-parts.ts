/** Parts of a path that a server prints in hexadecimal. */
import type { Cell } from "../../engine/session.ts";
import type { Column } from "../../schema/tables.ts";

/** Returns the value of a part. */
export const hexCell = (hex: string, { kind }: Column): Cell =>
  kind === "bytes" ? Buffer.from(hex, "hex") : hexText(hex);

/** Returns the text of a part. */
export const hexText = (hex: string): string => Buffer.from(hex, "hex").toString("utf8");
