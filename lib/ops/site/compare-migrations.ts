/** Compares the migrations that dumps have applied with those of the code, for verifications and drills. */
import type { SiteConfig } from "../../config/load.ts";
import { asHoldfastError } from "../../errors.ts";
import { databases } from "../../steps/db/databases.ts";
import { checkOf, notProved, type DrillCheck } from "../checks/drill-check.ts";
import type { DatabaseItem } from "../runs/unit-items.ts";
import { compareSchema, wantedMigrations } from "./schema-version.ts";
import type { Problem } from "../checks/check.ts";

/** Compares the migrations of the dumps with those that the code expects, by `database.migrations_wanted`. */
export async function compareMigrations(
  config: SiteConfig | undefined,
  items: readonly DatabaseItem[],
  signal: AbortSignal,
): Promise<DrillCheck | undefined> {
  if (items.length === 0) return undefined;
  if (config === undefined) return notProved("migrations", "no config names the migrations that the code expects");
  const problems: Problem[] = [];
  const figures: string[] = [];
  let unknown = false;
  for (const { unit, artifact, record } of items) {
    const settings = databases(config).find((one) => one.unit === unit)?.settings;
    if (record.migrations === null && settings?.migrations_wanted === undefined) {
      figures.push(`${unit}: has no migrations`);
      continue;
    }
    try {
      const wanted = settings === undefined ? undefined : await wantedMigrations(config, settings, null, signal);
      const { state, toRun, unknownToCode } = compareSchema(record.migrations, wanted);
      unknown ||= state === "unknown";
      figures.push(`${unit}: ${STATES[state]}${toRun.length > 0 ? `, ${toRun.length} to run` : ""}`);
      if (state === "newer")
        problems.push({ path: artifact, message: `the code does not know ${unknownToCode.slice(0, 3).join(", ")}` });
    } catch (error) {
      signal.throwIfAborted();
      unknown = true;
      figures.push(`${unit}: the code's migrations could not be listed: ${asHoldfastError(error).message}`);
    }
  }
  return checkOf("migrations", figures.join("; "), problems, unknown ? "not proved" : "ok");
}

const STATES = {
  exact: "as the code expects",
  older: "older than the code",
  newer: "newer than the code",
  unknown: "the migrations that the code expects are unknown",
} as const;
