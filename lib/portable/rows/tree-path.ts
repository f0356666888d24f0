/**
 * Encodes the path from a root to a row of a tree: the key columns of each level, flattened into one list. A database
 * returns it as one text, the columns in hexadecimal and separated by commas.
 */
import { ByteWriter } from "../bytes/byte-writer.ts";
import { CellBatch } from "../engine/cell-batch.ts";
import type { PortableEngine } from "../engine/interface.ts";
import { HoldfastError } from "../../errors.ts";
import { nest, type JsonCell } from "./nested-key.ts";
import type { Cell } from "../engine/session.ts";
import { encoderOf, type Encoded, type Encoder } from "../values/encoders.ts";
import type { KeyColumn } from "./fields.ts";

/** The most levels of a path: the paths of a chain grow with the square of its length. */
export const MOST_LEVELS = 5000;

/** A key column that holds a path. */
export type PathLeaf = KeyColumn & { readonly parts: readonly KeyColumn[] };

export const isPath = (leaf: KeyColumn): leaf is PathLeaf => leaf.parts !== undefined;

/** Returns the number of cells per level. */
export const widthOf = (parts: readonly KeyColumn[]): number =>
  nest(
    parts.map((leaf) => ({ leaf, value: null })),
    0,
  ).length;

/**
 * Returns an encoder that appends both forms of a path: JSON without the outer brackets, and the input of a digest. It
 * throws `E_IMPORT` for a path with too many levels.
 */
export function pathEncoder(engine: PortableEngine, { parts, table }: PathLeaf): (text: string, to: Encoded) => void {
  const pattern = JSON.stringify(
    nest(
      parts.map((leaf, value) => ({ leaf, value })),
      0,
    ),
  )
    .slice(1, -1)
    .split(/\d+/);
  const last = pattern.at(-1) ?? "";
  const encoders = parts.map((leaf) => partEncoder(engine, leaf));
  return (text, to) => {
    const cells = text.split(",");
    if (cells.length > MOST_LEVELS * parts.length) throw tooDeep(table);
    for (const [at, cell] of cells.entries()) {
      const part = at % parts.length;
      if (part === 0 && at > 0) to.line.ascii(",");
      to.line.ascii(pattern[part] ?? "");
      encoders[part]?.(cell, to);
      if (part === parts.length - 1) to.line.ascii(last);
    }
  };
}

const tooDeep = (table: string): HoldfastError =>
  new HoldfastError("E_IMPORT", `${table} has rows nested more than ${MOST_LEVELS} levels deep`, {
    hint: "set an empty list for it under portable.keys to identify its rows by primary key",
  });

/** Returns an encoder of one key column, with the length of its form in front of it. */
function partEncoder(engine: PortableEngine, leaf: KeyColumn): (part: string, to: Encoded) => void {
  if (isPath(leaf)) {
    const encode = pathEncoder(engine, leaf);
    return (part, to) => encode(engine.paths.nested(part), to);
  }
  const encode = keyPart(encoderOf(engine.values, leaf.column));
  return (part, to) => void encode(CellBatch.of([[engine.paths.cell(part, leaf.column)]]), 0, to);
}

/** Wraps an encoder so that the form has its length in front, as the digest of a key needs it. */
export const keyPart =
  (encode: Encoder): Encoder =>
  (batch, cell, to) => {
    const start = to.form.length;
    if (encode(batch, cell, to)) to.form.prefixLength(start);
    else to.form.ascii("-");
    return true;
  };

/** Returns the cells of a path. */
export function pathCells(engine: PortableEngine, leaf: PathLeaf, text: Cell | undefined): readonly JsonCell[] {
  const to = { line: new ByteWriter(), form: new ByteWriter() };
  to.line.ascii("[");
  pathEncoder(engine, leaf)(String(text), to);
  to.line.ascii("]");
  const cells: unknown = JSON.parse(to.line.toString());
  return isList(cells) ? cells : [];
}

const isList = (value: unknown): value is readonly JsonCell[] => Array.isArray(value);
