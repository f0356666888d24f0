/** Decides whether a run may be believed, before anything is restored from it. */
import type { Signing } from "../../config/settings/signing.ts";
import { HoldfastError } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { findLatest } from "../../store/run/publish.ts";
import type { Finding, Problem } from "../checks/check.ts";
import { checkRunSignature } from "./check-run.ts";
import { findAltered } from "./documents.ts";
import type { StorePlace } from "./memory.ts";
import { checkSigned, rolledBack } from "./store-problems.ts";

/**
 * Checks a run's signature and, if that counts, each of its documents. Returns undefined where nothing is signed and
 * nothing shall be.
 */
export async function checkTrusted(
  store: StorePlace,
  run: string,
  signing: Signing | undefined,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const found = await checkSigned(store, run, signing, signal);
  if (found === undefined || found.problems.length > 0 || found.notProved !== undefined) return found;
  return { ...found, problems: await findAltered(runDirectory(store.path, run), signal) };
}

export interface TrustOptions {
  readonly signing: Signing | undefined;
  /** Warns of a signature that is missing or does not count, instead of refusing. */
  readonly allowUnsigned: boolean;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/**
 * Returns if a run may be restored. Throws `E_SIGNATURE` for a signature that is missing among signed runs or does not
 * count, `E_VERIFY` for documents that are not what was signed.
 */
export async function requireTrusted(
  store: StorePlace,
  run: string,
  { signing, allowUnsigned, report, signal }: TrustOptions,
): Promise<void> {
  const warn = (text: string): void => report({ type: "note", level: "warning", text });
  const found = await checkRunSignature(store, run, signing, signal);
  if (found === undefined) return;
  const { problems, notProved } = found;
  if (notProved !== undefined) return warn(`the signature of the run ${run} was not checked: ${notProved}`);
  if (problems.length > 0) {
    const text = `the run ${run} cannot be trusted: ${firstOf(problems)}`;
    if (allowUnsigned) return warn(text);
    throw new HoldfastError("E_SIGNATURE", text, {
      hint: "nothing was changed; take another run, or give --allow-unsigned if you know why",
    });
  }
  const altered = await findAltered(runDirectory(store.path, run), signal);
  if (altered.length === 0) return;
  throw new HoldfastError("E_VERIFY", `the run ${run} is not what was signed: ${firstOf(altered)}`, {
    hint: "nothing was changed; npx tsx scripts/verify.ts names all damage, npx tsx scripts/list.ts shows older runs",
  });
}

/**
 * Throws `E_SIGNATURE` if the newest run that this host has seen signed is gone: `run`, the latest, is not the latest.
 * Warns of a link that names an older run than it should, as after a crash or by somebody's hand.
 */
export async function requireNewest(
  store: StorePlace,
  run: string,
  { signing, allowUnsigned, report, signal }: TrustOptions,
): Promise<void> {
  const warn = (text: string): void => report({ type: "note", level: "warning", text });
  const newest = findLatest(store.path);
  if (newest !== undefined && run < newest)
    warn(`the link latest names the run ${run}, but ${newest} is a newer full backup`);
  const back = await rolledBack(store, signing, signal);
  if (back === undefined) return;
  const text = `${back.path} ${back.message}`;
  if (allowUnsigned) return warn(text);
  throw new HoldfastError("E_SIGNATURE", text, {
    hint: "name the run that you want with --run, if it is to be an older one",
  });
}

function firstOf(problems: readonly Problem[]): string {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return `${first?.path ?? "?"} ${first?.message ?? "?"}${more}`;
}
