/** The tables and columns of a database that take the rows of an export. */
import type { Replacement } from "../../rows/column-rules.ts";
import type { PolymorphicField, KeyColumn } from "../../rows/fields.ts";
import type { ExportedTable } from "../../format/documents.ts";
import type { PolymorphicTarget } from "../../rows/polymorphic.ts";
import type { Column, ForeignKey, Table } from "../../schema/tables.ts";
import type { JsonValue } from "../../values/codec.ts";
import type { ExportedKey } from "../../schema/keys/exported.ts";

/** A column that the export does not have, and the value that new rows get there. */
export interface AddedColumn {
  readonly column: Column;
  readonly value: JsonValue;
}

/** One place of a row, and what takes it; `undefined` where the database has no such column any more. */
export type TargetField =
  | {
      readonly kind: "value";
      readonly column: Column;
      readonly replaced?: Replacement;
      /** The export has an enum there too: its `''` may be what MySQL made of a value that was no label. */
      readonly isEnum?: boolean;
    }
  | {
      readonly kind: "link";
      readonly link: ForeignKey;
      readonly columns: readonly Column[];
      readonly leaves: readonly KeyColumn[];
      readonly direct: boolean;
    }
  | (PolymorphicField & {
      readonly targets: readonly { readonly target: PolymorphicTarget; readonly leaves: readonly KeyColumn[] }[];
    })
  | undefined;

export interface TargetTable {
  readonly exported: ExportedTable;
  readonly table: Table;
  readonly key: ExportedKey;
  readonly fields: readonly TargetField[];
  /** Columns that the export does not know, and what new rows have there. */
  readonly added: readonly AddedColumn[];
}
