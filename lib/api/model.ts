/** The documents of a store, of a run and of the config, as schemas for programs that read them. */
export { siteSchema } from "../config/schema.ts";
export { databaseRecordSchema, type DatabaseRecord } from "../database/record.ts";
export { acceptedSchema, anomalySchema, type Accepted, type Anomaly } from "../model/anomaly.ts";
export { eventSchema, logLineSchema, type HoldfastEvent, type LogLine } from "../model/event.ts";
export { evidenceSchema, pinnedSchema, type Evidence, type Pinned } from "../model/evidence.ts";
export {
  manifestHeadSchema,
  manifestSchema,
  projectListSchema,
  reuseSchema,
  storeSchema,
  type Manifest,
  type ManifestHead,
  type ProjectList,
  type Reuse,
  type StoreDocument,
} from "../model/run.ts";
export {
  FORMAT_VERSION,
  STEP_NAMES,
  failureSchema,
  failuresSchema,
  indexEntrySchema,
  indexSchema,
  metadataSchema,
  stepNameSchema,
  type Artifact,
  type Failure,
  type IndexEntry,
  type StepName,
  type UnitMetadata,
} from "../model/unit.ts";
export { journalSchema, type JournalDocument } from "../ops/journals/operations.ts";
export { packageManifestSchema } from "../ops/package/format.ts";
export { exportManifestSchema, tableSchema } from "../portable/format/documents.ts";
export { placesSchema, type Places } from "../store/run/places.ts";
export {
  capabilitiesSchema,
  targetDocumentSchema,
  type Capabilities,
  type TargetDocument,
} from "../targets/core/capabilities.ts";
export { receiptSchema, receivedFileSchema, type Receipt, type ReceivedFile } from "../targets/core/receipt.ts";
