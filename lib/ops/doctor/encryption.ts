/** Checks to whom artifacts are sealed. */
import { configuredSeal, trySeal } from "../../store/seal/configured.ts";
import { plural } from "../../report/format.ts";
import type { DoctorFinding, Installation } from "./check.ts";

/** Seals nothing with the configured recipients; one recipient alone is a warning, since its identity may be lost. */
export async function checkEncryption({ config, signal }: Installation): Promise<DoctorFinding | undefined> {
  const seal = configuredSeal(config);
  if (seal === undefined) return undefined;
  await trySeal(seal, signal);
  const count = seal.recipients.length;
  return {
    figure: `${seal.program}, ${plural(count, "recipient")}`,
    warnings: [
      ...(count > 1
        ? []
        : [{ path: "encryption.recipients", message: "names one recipient: without its identity no run can be read" }]),
      ...(config.encryption?.identity_command === undefined
        ? []
        : [{ path: "encryption.identity_command", message: "lets this host read its own backups" }]),
    ],
    hint:
      count > 1
        ? "keep the identity on another host: remove encryption.identity_command from this config"
        : "add the recipient of a second identity that is kept off-line",
  };
}
