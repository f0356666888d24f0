/** Paths of trees in PostgreSQL. */
import type { PathSql } from "../../engine/path-sql.ts";
import { hexCell, hexText } from "../shared/hex-parts.ts";

export const paths: PathSql = {
  prepare: async () => {},
  join: (texts) => texts.join(" || ',' || "),
  widen: (text) => text,
  part: (expression, { kind }) =>
    kind === "bytes" ? `encode(${expression}, 'hex')` : `encode(convert_to(${expression}::text, 'UTF8'), 'hex')`,
  cell: hexCell,
  nested: hexText,
};
