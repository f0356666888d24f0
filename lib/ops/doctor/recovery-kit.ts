/** Checks that there is a young recovery kit of a site that is sealed or signed. */
import { formatAge, HOUR_MS } from "../../report/format.ts";
import { lastKit } from "../recovery-kit/last-kit.ts";
import type { DoctorFinding, Installation } from "./check.ts";

/** A quarter. */
const MAX_AGE_MS = 92 * 24 * HOUR_MS;

/** Looks at when this host made the last kit. */
export async function checkRecoveryKit({ config, now }: Installation): Promise<DoctorFinding | undefined> {
  if (config.encryption === undefined && config.signing === undefined) return undefined;
  const made = await lastKit(config.site);
  const age = made === undefined ? undefined : now.getTime() - made.getTime();
  const figure = age === undefined ? "none" : `made ${formatAge(age)} ago`;
  const message =
    age === undefined ? "no recovery kit was made on this host" : "the recovery kit is older than a quarter";
  return {
    figure,
    warnings: age === undefined || age > MAX_AGE_MS ? [{ path: config.site, message }] : [],
    hint: "npx tsx scripts/recovery_kit.ts /root/kit",
  };
}
