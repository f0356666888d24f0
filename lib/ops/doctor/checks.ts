/** The checks, in the order in which they are made and shown. */
import type { CheckRow, DoctorCheckId } from "./check.ts";
import { checkConfig, checkUncovered } from "./config.ts";
import { checkRestoreRights, inspectDatabases } from "./databases.ts";
import { checkEncryption } from "./encryption.ts";
import { checkProof, checkRetention } from "./history.ts";
import { checkAttr, checkTools } from "./programs.ts";
import { checkReading } from "./reading.ts";
import { checkRecoveryKit } from "./recovery-kit.ts";
import { checkSigning } from "./signing.ts";
import { checkSpace } from "./space.ts";
import { checkClock, checkStore, checkStoreDisk } from "./store.ts";
import { checkTargets } from "./targets.ts";
import { checkTimers } from "./timers.ts";

export const CHECKS: readonly (readonly [DoctorCheckId, CheckRow])[] = [
  ["config", { title: "config", check: checkConfig }],
  ["reading", { title: "reading rights", check: checkReading }],
  ["uncovered", { title: "coverage", check: checkUncovered }],
  ["database_programs", { title: "database programs", check: inspectDatabases("programs") }],
  ["dump_rights", { title: "dump rights", check: inspectDatabases("dumpRights") }],
  ["restore_rights", { title: "restore rights", check: checkRestoreRights }],
  ["tools", { title: "tools", check: checkTools }],
  ["attr", { title: "attributes", check: checkAttr }],
  ["encryption", { title: "encryption", check: checkEncryption }],
  ["store", { title: "store", check: checkStore }],
  ["store_disk", { title: "disk of the store", check: checkStoreDisk }],
  ["space", { title: "free space", check: checkSpace }],
  ["clock", { title: "clock", check: checkClock }],
  ["retention", { title: "retention", check: checkRetention }],
  ["signing", { title: "signing", check: checkSigning }],
  ["recovery_kit", { title: "recovery kit", check: checkRecoveryKit }],
  ["proof", { title: "proof", check: checkProof }],
  ["targets", { title: "targets", check: checkTargets }],
  ["timers", { title: "timers", check: checkTimers }],
];
