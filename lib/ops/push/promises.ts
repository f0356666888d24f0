/** Compares two probes of a target: which of its promises got weaker. */
import type { Capabilities } from "../../targets/core/capabilities.ts";

/** Guarantees that a target enforces, and the words for one that it no longer does. */
const ENFORCED = {
  signed_payload: "content is not checked against its signed digest any more",
  if_none_match: "an object that exists is not protected from being written again any more",
  if_none_match_versioned: "an object that exists is not protected from being written again any more",
  checksum_sha256: "declared checksums are not checked and returned any more",
  multipart_list: "the parts of unfinished uploads are not listed any more",
  object_lock: "locked objects can be deleted, or cannot be locked, now",
  lock_extend: "locks cannot be extended any more",
} as const satisfies Partial<Record<keyof Capabilities, string>>;

/** Returns what got weaker: promises that the target kept before, and rights that this side did not have. */
export function weakened(before: Capabilities, now: Capabilities): string[] {
  const lost = Object.entries(ENFORCED).flatMap(([name, text]) =>
    isTrue(before, name) && !isTrue(now, name) ? [text] : [],
  );
  return [
    ...lost,
    ...(!before.can_delete && now.can_delete ? ["these credentials can delete now"] : []),
    ...(before.owner !== null && now.owner !== null && before.owner !== now.owner
      ? [`what is written belongs to ${now.owner} now, not to ${before.owner}`]
      : []),
  ];
}

const isTrue = (capabilities: Capabilities, name: string): boolean =>
  Object.entries(capabilities).some(([key, value]) => key === name && value === true);
