/** The tables and columns of a database that receive the rows of an export. */
import type { Replacement } from "../../rows/column-rules.ts";
import type { PolymorphicField, KeyColumn } from "../../rows/fields.ts";
import type { ExportedTable } from "../../format/documents.ts";
import type { PolymorphicTarget } from "../../rows/polymorphic.ts";
import type { Column, ForeignKey, Table } from "../../schema/tables.ts";
import type { JsonValue } from "../../format/value.ts";
import type { ExportedKey } from "../../schema/keys/exported.ts";

/** A column that the export lacks, with the value that new rows get. */
export interface AddedColumn {
  readonly column: Column;
  readonly value: JsonValue;
}

/** The target of one field of an exported row; `undefined` if the database no longer has the column. */
export type TargetField =
  | {
      readonly kind: "value";
      readonly column: Column;
      readonly replaced?: Replacement;
      /** True if the column is an enum in the export too: its `''` may be what MySQL made of an invalid value. */
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
  readonly added: readonly AddedColumn[];
}
