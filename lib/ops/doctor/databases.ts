/** Checks programs and rights for each configured database. */
import { databasePassword } from "../../config/secrets.ts";
import { engineOfUrl } from "../../database/engines/registry.ts";
import type { DatabaseInspector, Inspection } from "../../database/inspection.ts";
import { withPasswordApart } from "../../database/access/url.ts";
import { asHoldfastError } from "../../errors.ts";
import { userName } from "../../store/writable.ts";
import { databases, type NamedDatabase } from "../../steps/db/databases.ts";
import type { Problem } from "../checks/check.ts";
import type { DoctorFinding, Installation } from "./check.ts";

/** Returns the check that makes one inspection of each database. */
export const inspectDatabases =
  (name: keyof DatabaseInspector) =>
  async (installation: Installation): Promise<DoctorFinding | undefined> => {
    const all = databases(installation.config);
    if (all.length === 0) return undefined;
    const found: { unit: string; inspection: Inspection }[] = [];
    for (const named of all) found.push({ unit: named.unit, inspection: await inspect(named, name, installation) });
    const problems = (kind: "faults" | "warnings"): Problem[] =>
      found.flatMap(({ unit, inspection }) => inspection[kind].map((message) => ({ path: unit, message })));
    const first = found.find(({ inspection }) => inspection.faults.length + inspection.warnings.length > 0);
    return {
      figure: found.map(({ unit, inspection }) => `${unit}: ${inspection.figure}`).join("; "),
      faults: problems("faults"),
      warnings: problems("warnings"),
      hint: first?.inspection.hint,
    };
  };

/** Checks whether a restore could create databases, and give files their owners. */
export async function checkRestoreRights(installation: Installation): Promise<DoctorFinding> {
  const found = (await inspectDatabases("restoreRights")(installation)) ?? { figure: `as ${userName()}` };
  if (process.geteuid?.() === 0) return found;
  const owners = { path: userName(), message: "cannot give files their owners: restore in place as root" };
  return {
    ...found,
    warnings: [...(found.warnings ?? []), owners],
    hint: found.hint ?? "run restores in place as root",
  };
}

async function inspect(
  { settings }: NamedDatabase,
  name: keyof DatabaseInspector,
  { config, signal }: Installation,
): Promise<Inspection> {
  try {
    const password = await databasePassword(config, settings, signal);
    const target = withPasswordApart({
      url: settings.url,
      ...(password === undefined ? {} : { password }),
      execPrefix: config.exec_prefix,
      root: config.root,
    });
    return await engineOfUrl(target.url).inspector[name](target, signal);
  } catch (error) {
    signal.throwIfAborted();
    const { message, hint } = asHoldfastError(error, "E_DATABASE");
    return { figure: "failed", faults: [message], warnings: [], hint };
  }
}
