/**
 * Plans a database with facts that only its rows have: the targets of generic relations, and whether tree keys hold.
 */
import type { GenericSetting } from "../../config/settings/refinement.ts";
import type { Connection } from "../engine/connection.ts";
import { withDeclared } from "../schema/declared-keys.ts";
import { readGenerics } from "./polymorphic-types.ts";
import { planPortable, type PlanRequest, type PortablePlan } from "./run.ts";
import { verifyTreeKeys } from "./tree-keys.ts";

/** Plans an export of a database. Throws like `planPortable`, `withDeclared` and `readGenerics`. */
export async function planDatabase(
  connection: Connection,
  request: PlanRequest,
  generic: readonly GenericSetting[] = [],
): Promise<PortablePlan> {
  const schema = withDeclared(await connection.engine.introspect(connection), request.foreignKeys);
  const generics = await readGenerics(connection, schema, generic);
  return planPortable(schema, { ...request, generics, trees: await verifyTreeKeys(connection, schema) });
}
