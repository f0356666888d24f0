/** Whether the rows of a tree bear the key that its table seems to have: a unique constraint says nothing of rows whose parent is NULL. */
import type { Connection } from "./connection.ts";
import { candidatesOf, type Candidate, type NaturalKey } from "./key-candidates.ts";
import { parentLink } from "./links.ts";
import { rowsOf } from "./select.ts";
import type { Schema, Table, TableId } from "./schema.ts";

/** By table and columns of the key: why it is none, or null. */
export type TreeProofs = ReadonlyMap<string, string | null>;

const nameOf = (table: TableId, { columns }: NaturalKey): string => JSON.stringify([table, ...columns]);

/** Takes the tree keys of some tables for good ones: their rows are looked at when they are written. */
export function trustTrees({ tables }: Schema, isTrusted: (table: Table) => boolean): TreeProofs {
  const known = new Set(tables.map(({ id }) => id));
  return new Map(
    tables
      .filter(isTrusted)
      .flatMap((table) =>
        candidatesOf(table, known, undefined).flatMap(({ key }) =>
          key.kind === "natural" && key.tree ? [[nameOf(table.id, key), null] as const] : [],
        ),
      ),
  );
}

/** Looks at the rows of every table whose best key is a tree's. Throws `E_DATABASE`. */
export async function proveTrees(connection: Connection, schema: Schema): Promise<TreeProofs> {
  const known = new Set(schema.tables.map(({ id }) => id));
  const proofs = new Map<string, string | null>();
  for (const table of schema.tables)
    for (const { key } of candidatesOf(table, known, undefined)) {
      if (key.kind !== "natural" || key.tree !== true) break;
      proofs.set(nameOf(table.id, key), await flawOf(connection, table, key, known));
    }
  return proofs;
}

async function flawOf(
  connection: Connection,
  table: Table,
  key: NaturalKey,
  known: ReadonlySet<TableId>,
): Promise<string | null> {
  const parent = parentLink(table, key.columns, (id) => known.has(id));
  const [up, to] = [parent?.columns[0], parent?.targetColumns[0]];
  if (up === undefined || to === undefined) return null; // it is not followed in any case
  const { quote } = connection;
  const rows = rowsOf(connection, table);
  const parts = key.columns
    .filter((name) => name !== up)
    .map(quote)
    .join(", ");
  if (key.rootsMayRepeat) {
    const [twin] = await connection.rows(
      `select ${parts} from ${rows} where ${quote(up)} is null group by ${parts} having count(*) > 1 limit 1`,
    );
    if (twin !== undefined) return `rows without a parent share (${twin.map(String).join(", ")})`;
  }
  const [own] = await connection.rows(`select 1 from ${rows} where ${quote(up)} = ${quote(to)} limit 1`);
  if (own !== undefined) return "a row is its own parent";
  const [orphan] = await connection.rows(
    `select 1 from ${rows} as t left join ${rows} as p on p.${quote(to)} = t.${quote(up)} where t.${quote(up)} is not null and p.${quote(to)} is null limit 1`,
  );
  return orphan === undefined ? null : "the parent of a row is not there";
}

/** Without tree keys that the rows do not bear, or that nobody has looked at though the database does not guard them. */
export function provedCandidates(
  table: TableId,
  candidates: readonly Candidate[],
  proofs: TreeProofs | undefined,
): Candidate[] {
  const flaws: string[] = [];
  const proved = candidates.flatMap((candidate): Candidate[] => {
    const { key } = candidate;
    if (proofs === undefined || key.kind !== "natural" || key.tree !== true || isConfigured(candidate))
      return [candidate];
    const flaw = proofs.get(nameOf(table, key));
    if (flaw === null && key.rootsMayRepeat)
      return [{ ...candidate, key: { ...key, reason: `${key.reason}: these are distinct` } }];
    if (flaw === null || (flaw === undefined && !key.rootsMayRepeat)) return [candidate];
    flaws.push(`(${key.columns.join(", ")}) is none: ${flaw ?? "two rows without a parent may share it"}`);
    return [];
  });
  const [best, ...rest] = proved;
  if (best === undefined || flaws.length === 0) return proved;
  return [{ ...best, key: { ...best.key, reason: `${best.key.reason}; ${flaws.join("; ")}` } }, ...rest];
}

const isConfigured = ({ rank }: Candidate): boolean => rank[0] === 0;
