/** The plan of a database, with what only its rows tell: the tables that generic relations lead to, and whether trees have the keys that they seem to. */
import type { GenericSetting } from "../../config/portable-refinement.ts";
import type { Connection } from "../connection.ts";
import { withDeclared } from "../schema/declared-keys.ts";
import { readGenerics } from "./polymorphic-types.ts";
import { introspect } from "../engines/introspect.ts";
import { planPortable, type PlanRequest, type PortablePlan } from "./run.ts";
import { verifyTreeKeys } from "./tree-keys.ts";

/** Throws like `planPortable`, `withDeclared` and `readGenerics`. */
export async function planDatabase(
  connection: Connection,
  request: PlanRequest,
  generic: readonly GenericSetting[] = [],
): Promise<PortablePlan> {
  const schema = withDeclared(await introspect(connection), request.foreignKeys);
  const generics = await readGenerics(connection, schema, generic);
  return planPortable(schema, { ...request, generics, trees: await verifyTreeKeys(connection, schema) });
}
