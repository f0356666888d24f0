/** The content that the checks of a verification read: of a sealed run a plain copy, if an identity opens it. */
import path from "node:path";
import { asHoldfastError } from "../../errors.ts";
import { metadataSchema } from "../../model/unit.ts";
import { readDocument } from "../../store/files/json-documents.ts";
import { plainPath } from "../../store/seal/names.ts";
import { readIdentities } from "../sealed/identity.ts";
import { copyPlain, type PlainCopy } from "../sealed/plain-copy.ts";
import type { Finding } from "../checks/check.ts";
import type { Item } from "./checks.ts";
import { takeInventory, type RunInventory } from "./inventory/run-inventory.ts";
import type { VerifyRequest } from "./request.ts";

/** A finding of a check that cannot be tried. */
interface Untried {
  readonly untried: Finding;
}

export interface RunContent {
  readonly plain: PlainCopy | undefined;
  /** Returns what a check reads: `survey` where nothing of that is sealed. */
  readonly surveyFor: (item: Pick<Item, "content">, survey: RunInventory) => RunInventory | Untried;
}

/** Opens the sealed artifacts of a survey. Throws `E_KEY` for an identity that does not open them. */
export async function openContent(
  survey: RunInventory,
  { quick, sample, identities: files, config }: VerifyRequest,
  signal: AbortSignal,
): Promise<RunContent> {
  const sealed = survey.units.flatMap(({ step, artifacts }) =>
    artifacts.filter(({ plain }) => plain !== undefined).map((artifact) => ({ step, name: plainPath(artifact) })),
  );
  const concerns = ({ content }: Pick<Item, "content">): boolean => content !== undefined && sealed.some(content);
  const everywhere = (finding: Finding): RunContent => ({
    plain: undefined,
    surveyFor: (item, given) => (concerns(item) ? { untried: finding } : given),
  });
  const identities =
    sealed.length === 0 || quick ? undefined : await readIdentities({ identities: files, config }, signal);
  if (identities === undefined) return everywhere(untried("only the ciphertext was read, no identity is given"));
  let plain: PlainCopy | undefined;
  try {
    const units = survey.units.map(({ file }) => readDocument(path.join(survey.directory, file), metadataSchema));
    plain = await copyPlain(survey.directory, units, { identities, signal });
    const opened = await takeInventory(survey.store, survey.run, plain.directory, signal);
    const chosen = new Set(survey.units.map(({ file }) => file));
    const sampled = { ...opened, units: opened.units.filter(({ file }) => chosen.has(file)) };
    return {
      plain,
      surveyFor: (item, given) => {
        if (!concerns(item)) return given;
        if (given === survey || sample === undefined) return sampled;
        return { untried: untried("only a sample of it was opened") };
      },
    };
  } catch (error) {
    plain?.remove();
    signal.throwIfAborted();
    const { code, message } = asHoldfastError(error);
    if (code !== "E_VERIFY" && code !== "E_ARCHIVE") throw error;
    return everywhere({ figure: "sealed", problems: [{ path: survey.run, message }] });
  }
}

const untried = (notProved: string): Finding => ({ figure: "sealed", problems: [], notProved });
