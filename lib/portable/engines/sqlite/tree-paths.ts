/** Paths of trees in SQLite: a letter for the type of the value precedes each part. */
import type { PathSql } from "../../engine/path-sql.ts";
import { hexText } from "../shared/hex-parts.ts";

export const paths: PathSql = {
  prepare: async () => {},
  join: (texts) => texts.join(" || ',' || "),
  widen: (text) => text,
  part: (expression) =>
    `case typeof(${expression}) when 'text' then 't' || hex(${expression}) ` +
    `when 'blob' then 'b' || hex(${expression}) when 'integer' then 'i' || ${expression} ` +
    `when 'real' then 'r' || printf('%!.17g', ${expression}) end`,
  cell: (part) => {
    const [type, rest] = [part.slice(0, 1), part.slice(1)];
    if (type === "i") return BigInt(rest);
    if (type === "r") return Number(rest);
    return type === "b" ? Buffer.from(rest, "hex") : hexText(rest);
  },
  nested: (part) => hexText(part.slice(1)),
};
