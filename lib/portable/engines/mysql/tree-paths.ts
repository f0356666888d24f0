/** Paths of trees in MySQL and MariaDB. */
import type { PathSql } from "../../engine/path-sql.ts";
import { hexCell, hexText } from "../shared/hex-parts.ts";

/** Returns the paths of a server whose limit of recursion is set by `variable`. */
export const pathsWith = (variable: string): PathSql => ({
  prepare: async (session) => void (await session.run(`set session ${variable} = 4294967295`)),
  join: (texts) => `concat_ws(',', ${texts.join(", ")})`,
  // The width of a recursive column is that of its first rows.
  widen: (text) => `cast(${text} as char(250000))`,
  part: (expression, { kind }) => {
    if (kind === "bytes") return `hex(${expression})`;
    return `hex(cast(${kind === "bits" ? `${expression} + 0` : expression} as char character set utf8mb4))`;
  },
  cell: hexCell,
  nested: hexText,
});
