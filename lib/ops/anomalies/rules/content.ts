/** The rules for the content of a unit that was built anew: deleted, renamed or encrypted files. Pure. */
import { OTHER_EXTENSIONS } from "../../../archive/extensions.ts";
import type { UnitFacts } from "../facts.ts";
import type { Finding } from "./finding.ts";

type Content = Pick<UnitFacts, "bytes" | "files" | "extensions" | "deflate">;

/** Files of one extension that may be deleted at once. */
const FEW_FILES = 100;
/** Bytes below which a unit is not judged for encryption. */
const SMALL_UNIT = 1024 * 1024;
/** What deflate saved of text, and what it saves of encrypted bytes. */
const [TEXT_SAVES, NOISE_SAVES] = [0.3, 0.03];
/** Deflate has to have been tried on this part of a unit. */
const ENOUGH_TRIED = 0.1;

/** Judges a unit by what it held in the last good run. */
export function judgeContent(now: Content, was: Content): Finding[] {
  const renamed = judgeRenamed(now, was);
  const entropy = judgeEntropy(now, was);
  return [...(renamed === undefined ? judgeDeleted(now, was) : [renamed]), ...(entropy === undefined ? [] : [entropy])];
}

function judgeDeleted(now: Content, was: Content): Finding[] {
  return Object.entries(was.extensions)
    .filter(([extension]) => extension !== OTHER_EXTENSIONS)
    .flatMap(([extension, before]): Finding[] => {
      const left = countOf(now, extension);
      const deleted = before - left;
      if (deleted < FEW_FILES || deleted * 2 <= before) return [];
      const rule = `${deleted} of ${before} files ${nameOf(extension)} are gone, ${FEW_FILES} or more and over half`;
      return [{ level: "alarm", code: "deleted", was: before, now: left, rule }];
    });
}

function judgeRenamed(now: Content, was: Content): Finding | undefined {
  if (Math.max(now.bytes, was.bytes) < SMALL_UNIT || was.files === null || was.files === 0) return undefined;
  const half = was.files / 2;
  const lost = Object.entries(was.extensions).reduce(
    (sum, [extension, before]) => sum + Math.max(0, before - countOf(now, extension)),
    0,
  );
  if (lost < half || OTHER_EXTENSIONS in was.extensions) return undefined;
  const fresh = Object.entries(now.extensions).find(
    ([extension, count]) =>
      extension !== OTHER_EXTENSIONS && !Object.hasOwn(was.extensions, extension) && count >= half,
  );
  if (fresh === undefined) return undefined;
  const [extension, count] = fresh;
  const rule = `half of ${was.files} files or more changed their extension to one that is new, ${nameOf(extension)}`;
  return { level: "alarm", code: "renamed", was: 0, now: count, rule };
}

function judgeEntropy(now: Content, was: Content): Finding | undefined {
  const [before, after] = [savedPart(was), savedPart(now)];
  if (now.bytes < SMALL_UNIT || before === undefined || after === undefined) return undefined;
  if (before < TEXT_SAVES || after >= NOISE_SAVES) return undefined;
  const rule = `deflate saves less than ${NOISE_SAVES * 100} % of the unit, and saved ${TEXT_SAVES * 100} % or more`;
  return { level: "alarm", code: "entropy", was: rounded(before), now: rounded(after), rule };
}

/** Returns the part that deflate saved; undefined if it was tried on too little to say. */
function savedPart({ bytes, deflate }: Content): number | undefined {
  return deflate.bytes === 0 || deflate.bytes < bytes * ENOUGH_TRIED ? undefined : deflate.saved_bytes / deflate.bytes;
}

/** Returns how many files have the extension; at most, where rare ones are counted together. */
const countOf = ({ extensions }: Content, extension: string): number =>
  Object.hasOwn(extensions, extension) ? (extensions[extension] ?? 0) : (extensions[OTHER_EXTENSIONS] ?? 0);

const nameOf = (extension: string): string => (extension === "" ? "without one" : `.${extension}`);

const rounded = (part: number): number => Math.round(part * 1000) / 1000;
