/** Exports the database's part of a package: portable data without users and passwords, or a dump. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import type { GenericSetting } from "../../config/settings/refinement.ts";
import type { DatabaseTarget } from "../../database/snapshot.ts";
import { openSnapshot } from "../../database/engines/open.ts";
import { HoldfastError } from "../../errors.ts";
import { connect } from "../../portable/engines/connect.ts";
import { withDeclared } from "../../portable/schema/declared-keys.ts";
import { exportTables } from "../../portable/export/run.ts";
import { assertUsersDeclared } from "../../portable/plan/user-references.ts";
import { tablesMeant } from "../../portable/schema/names.ts";
import { planDatabase } from "../../portable/plan/database.ts";
import type { PlanRequest } from "../../portable/plan/run.ts";
import type { TableId } from "../../portable/schema/tables.ts";
import { findUsers, loginOf, type UserTables } from "../../portable/schema/auth-tables.ts";
import { DUMP, type Checks, type PackageManifest } from "./format.ts";

export type UsersRule = PackageManifest["users"];

export interface DataRequest {
  readonly target: DatabaseTarget;
  readonly plan: PlanRequest;
  /** The config's generic relations. */
  readonly generic: readonly GenericSetting[];
  readonly users: UsersRule;
  /** The config's user tables. */
  readonly userTables: readonly string[];
  readonly sourceName: string | null;
  readonly sourceUrl: string | null;
  /** The installation that the database belongs to, if known. */
  readonly instance: string | undefined;
  readonly onRows: (table: TableId, rows: number) => void;
}

export interface PackedData {
  readonly database: NonNullable<PackageManifest["database"]>;
  readonly tables: Checks["tables"];
  readonly leftOut: PackageManifest["left_out"];
  readonly warnings: readonly string[];
}

/**
 * Exports portable data into `directory`, which must not exist. Throws `E_USAGE` if rows reference users that are left
 * out and identified only by a generated id, which belongs to another user elsewhere.
 */
export async function packPortable(request: DataRequest, directory: string, signal: AbortSignal): Promise<PackedData> {
  const connection = await connect(request.target, "read", signal);
  try {
    const schema = withDeclared(await connection.engine.introspect(connection), request.plan.foreignKeys);
    const named = request.userTables.flatMap((name) => tablesMeant(schema.tables, name).map(({ id }) => id));
    const found = findUsers(schema, named);
    const withheld = withheldTables(found, request.users);
    const plan = await planDatabase(
      connection,
      {
        ...request.plan,
        userTables: request.userTables,
        exclude: [...request.plan.exclude, ...withheld.keys()],
        replace: withoutPasswords(found, request),
      },
      request.generic,
    );
    for (const { table } of found.users) {
      const { kind } = plan.fields.key(table.id);
      const linked = plan.tables.some((one) =>
        one.fields.some((field) => field.kind === "link" && field.target === table.id),
      );
      if (withheld.has(table.id) && linked && kind !== "natural")
        throw new HoldfastError("E_USAGE", `rows reference ${table.id}, which is identified only by its generated id`, {
          hint: `set portable.keys: { ${table.name}: [${loginOf(table) ?? "login"}] }, or use --include-users`,
        });
    }
    await assertUsersDeclared(connection, plan, "known by another key");
    const manifest = await exportTables(
      connection,
      plan,
      {
        output: directory,
        sourceName: request.sourceName,
        sourceUrl: request.sourceUrl,
        instance: request.instance,
      },
      (table, rows) => {
        signal.throwIfAborted();
        request.onRows(table, rows);
      },
    );
    return {
      database: {
        kind: "portable",
        engine: connection.engine.name,
        server_version: connection.serverVersion,
        dump: null,
      },
      tables: manifest.tables.map(({ table, rows, digest }) => ({ table, rows, digest })),
      leftOut: manifest.left_out.map(({ table, why }) => ({ what: `table ${table}`, why: withheld.get(table) ?? why })),
      warnings: manifest.warnings,
    };
  } finally {
    await connection.close();
  }
}

/** Returns the tables that are left out of the package, each with the reason. */
function withheldTables({ users, memberships, credentials }: UserTables, rule: UsersRule): Map<TableId, string> {
  const left = new Map<TableId, string>();
  if (rule !== "with passwords")
    for (const id of credentials) left.set(id, "credentials; --include-passwords exports them");
  if (rule !== "left out") return left;
  for (const id of [...users.map(({ table }) => table.id), ...memberships])
    left.set(id, "users; --include-users exports them");
  return left;
}

/** Returns the config's replacements, and for each password one that matches no login. */
function withoutPasswords(
  { users }: UserTables,
  { plan, users: rule }: DataRequest,
): NonNullable<PlanRequest["replace"]> {
  const replace = { ...plan.replace };
  if (rule === "without passwords")
    for (const { table, password } of users)
      if (password !== null) replace[table.id] = { ...replace[table.id], [password]: { unusable_password: true } };
  return replace;
}

/** Writes a dump into `<directory>/dump/`, with the engine's own programs. Throws `E_DUMP`, `E_DATABASE`. */
export async function packDump({ target }: DataRequest, directory: string, signal: AbortSignal): Promise<PackedData> {
  const snapshot = await openSnapshot(target, signal);
  try {
    const facts = await snapshot.facts({ exactRows: Number.MAX_SAFE_INTEGER });
    const dump = `${DUMP}/database${snapshot.extension}`;
    mkdirSync(path.join(directory, DUMP), { recursive: true });
    const { warnings } = await snapshot.dump(path.join(directory, dump), () => {});
    const { digests, warnings: undigested } = await snapshot.digests();
    return {
      database: {
        kind: "dump",
        engine: facts.engine,
        server_version: facts.server_version,
        dump,
      },
      tables: Object.entries(facts.tables).map(([table, { rows }]) => ({
        table,
        rows,
        digest: digests[table] ?? null,
      })),
      leftOut: [],
      warnings: [...warnings, ...undigested],
    };
  } finally {
    await snapshot.close();
  }
}
